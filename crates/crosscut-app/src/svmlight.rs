//! Options of tasks whose files have svm-light lines ([`crosscut_data::svmlight`]).

use crosscut_data::svmlight::Ids;

use crate::options::{OptionSpec, Options};

/// `--zero-based`, an option of tasks whose files have feature ids: they count from 0, as
/// scikit-learn, LightGBM and XGBoost write them. The model permits the id 0 afterwards.
pub const ZERO_BASED: OptionSpec = OptionSpec {
    name: "zero-based",
    value: "",
    help: "Feature ids start at 0; the model remembers it. Default: at 1.",
};

/// `--sort-ids`: they may be in any order, each once. It is also an option for what is read with a
/// model; a model learned with it needs it no more.
pub const SORT_IDS: OptionSpec = OptionSpec {
    name: "sort-ids",
    value: "",
    help: "Accepts feature ids in any order within a line. Default: they must increase.",
};

/// How the feature ids of lines are written, as [`ZERO_BASED`] and [`SORT_IDS`] say.
pub fn ids(options: &Options) -> Ids {
    Ids { zero_based: options.is_set(ZERO_BASED.name), any_order: options.is_set(SORT_IDS.name) }
}

/// Why a training file whose lines have no features is refused.
pub const NO_FEATURES: &str = "expected features in at least one line, as id:value or as names, found none (a table of values \
     between commas or tabs is read by multiclass and ranking, with --label COLUMN)";
