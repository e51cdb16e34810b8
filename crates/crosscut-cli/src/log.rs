//! The log: one JSON object a line.

use std::io::{self, Write};
use std::path::Path;

use crosscut::{Estimate, Moment, Progress};
use crosscut_app::answers::verdict;
use crosscut_app::{Error, Start, output};
use serde_json::{Value, json};

/// A file of JSON lines, each written at once. If a line cannot be written, the error is kept and
/// reported at the end, except for a closed pipe (`| head`).
pub struct Log {
    name: String,
    file: Box<dyn Write>,
    failure: Option<io::Error>,
    round: Option<Value>,
}

impl Log {
    /// Creates or empties the file, which must be none of `inputs`; `-` is standard output.
    pub fn create(path: &Path, inputs: &[&Path]) -> Result<Self, Error> {
        let name = output::display_name(path);
        output::check(path, inputs)?;
        Ok(Self { name, file: output::create(path)?, failure: None, round: None })
    }

    /// A training run begins. In a cross-validation, its lines name the round.
    pub fn start(&mut self, start: &Start) {
        self.round = start.round.map(|round| json!({ "fold": round.fold, "c_mean": start.c_mean }));
    }

    /// Writes a line for each exact pass, and one at the end that gives the reason.
    pub fn progress(&mut self, progress: &Progress) {
        let mut line = json!({
            "pass": progress.passes,
            "oracle_calls": progress.oracle_calls,
            // JSON has no infinity: `primal` is null until the first certificate, and if there is
            // no bound on what the oracle may have missed.
            "primal": progress.primal,
            "shown": progress.shown,
            "relaxed": progress.relaxed,
            "prior": progress.prior,
            "dual": progress.dual,
            "gap": progress.gap(),
            "relative_gap": progress.relative_gap(),
            // Before the first certificate.
            "estimate": progress.estimate.map(|Estimate { primal, dual }| {
                json!({ "primal": primal, "dual": dual })
            }),
            "planes": progress.planes,
            "plane_bytes": progress.plane_bytes,
            "seconds": progress.seconds,
            "oracle_seconds": progress.oracle_seconds,
        });
        match progress.moment {
            Moment::Within => return,
            Moment::Pass => {}
            Moment::End(reason) => {
                line["stop"] = json!(reason.name());
                line["verdict"] = json!(verdict(reason, progress.into(), &progress.oracle));
                line["oracle"] = json!(progress.oracle);
            }
        }
        if let Some(round) = &self.round {
            line["round"] = round.clone();
        }
        if self.failure.is_none() {
            let line = format!("{line}\n");
            self.failure =
                self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush()).err();
            self.failure.take_if(|error| error.kind() == io::ErrorKind::BrokenPipe);
        }
    }

    /// The first error of writing, if there was one.
    pub fn finish(self) -> Result<(), Error> {
        match self.failure {
            None => Ok(()),
            Some(source) => Err(Error::Write { file: self.name, source }),
        }
    }
}
