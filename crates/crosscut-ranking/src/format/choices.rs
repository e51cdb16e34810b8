//! What the options choose: the loss, the scaling, the sizes of queries.

use std::path::Path;

use crosscut_app::{Error, OptionSpec, Options};
use crosscut_data::FeatureIds;
use crosscut_data::scaling::Method;
use serde::{Deserialize, Serialize};

use super::sizes::Sizes;
use crate::scaling::Scaling;
use crate::task::{Loss, Ranking, TaskError};

/// `--group`.
pub(super) const GROUP: OptionSpec = OptionSpec {
    name: "group",
    value: "FILE",
    help: "Reads the number of documents of each query from the lines of FILE, as LightGBM and \
           XGBoost do. Default: documents with the same qid are one query; without qid, \
           EXAMPLES.query or EXAMPLES.group is read, else all documents are one query.",
};

/// `--no-group`.
pub(super) const NO_GROUP: OptionSpec = OptionSpec {
    name: "no-group",
    value: "",
    help: "Does not look for EXAMPLES.query and EXAMPLES.group. Default: looks for them.",
};

/// What `--scale` says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Scale {
    Query,
    Documents(Method),
}

impl Scale {
    /// The value of the option, `none` by default.
    ///
    /// # Errors
    /// Any other word.
    pub fn named(options: &Options) -> Result<Self, Error> {
        let scale = options.text("scale").unwrap_or("none");
        match (scale, Method::named(scale)) {
            ("query", _) => Ok(Self::Query),
            (_, Some(method)) => Ok(Self::Documents(method)),
            (_, None) => Err(Error::option("--scale", "none, query, standard or global", scale)),
        }
    }

    /// Whether features are scaled.
    pub fn is_some(self) -> bool {
        self != Self::Documents(Method::None)
    }

    /// What a task does.
    pub fn of(scaling: &Scaling) -> Self {
        match scaling {
            Scaling::Query => Self::Query,
            Scaling::Documents(scaling) => Self::Documents(scaling.method()),
        }
    }
}

/// The sizes of queries that `--group` names.
pub(super) fn sizes(options: &Options) -> Result<Option<Sizes>, Error> {
    options.text("group").map(|file| Sizes::read(Path::new(file))).transpose()
}

/// The task of some features, without scaling.
pub(super) fn task(features: FeatureIds, loss: Loss, options: &Options) -> Result<Ranking, Error> {
    let task = Ranking::new(features).with_loss(loss, options.rescaling);
    task.map_err(|error| {
        let expected = match error {
            TaskError::Slack => {
                format!("2 with -l {} ({error}: -l 6 and 7)", options.loss.unwrap_or(1))
            }
            other => other.to_string(),
        };
        Error::option("-o", expected, 1)
    })
}

/// Δ as `-l` and `--k` name it.
pub(super) fn loss(options: &Options) -> Result<Loss, Error> {
    let k = options.count("k")?;
    if k == Some(0) {
        return Err(Error::option("--k", "a whole number of at least 1", 0));
    }
    let loss = match options.loss {
        None | Some(1) => Loss::SwappedPairs,
        Some(2) => Loss::SwappedFraction,
        Some(3) => Loss::AveragePrecision,
        Some(4) => Loss::Ndcg(k.unwrap_or(0)),
        Some(5) => Loss::Dcg(k.unwrap_or(0)),
        Some(6) => Loss::ReciprocalRank,
        Some(7) => Loss::Precision(k.unwrap_or(10)),
        Some(8) => Loss::RankOfRelevant,
        Some(other) => return Err(Error::option("-l", "1 to 8 for the task ranking", other)),
    };
    match k {
        Some(k) if !matches!(loss, Loss::Ndcg(_) | Loss::Dcg(_) | Loss::Precision(_)) => {
            Err(Error::option("--k", "-l 4 (NDCG), 5 (DCG) or 7 (precision) beside it", k))
        }
        _ => Ok(loss),
    }
}
