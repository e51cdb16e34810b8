//! The log: one JSON object a line.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crosscut::{Moment, Progress};
use crosscut_app::answers::verdict;
use crosscut_app::{Error, Start, output};
use serde_json::{Value, json};

/// A file of JSON lines, each written through as it happens. A line that cannot be written is
/// remembered and told at the end, unless nobody wanted to read it (`| head`).
pub struct Log {
    name: String,
    file: Box<dyn Write>,
    failure: Option<io::Error>,
    round: Option<Value>,
}

impl Log {
    /// Empties a file that is none of `inputs`; `-` is standard output.
    pub fn create(path: &Path, inputs: &[&Path]) -> Result<Self, Error> {
        let name = output::display_name(path);
        output::check(path, inputs)?;
        let file: Box<dyn Write> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            match File::create(path) {
                Ok(file) => Box::new(file),
                Err(source) => return Err(Error::Write { file: name, source }),
            }
        };
        Ok(Self { name, file, failure: None, round: None })
    }

    /// A training run begins: in a cross-validation its lines say which one.
    pub fn start(&mut self, start: &Start) {
        self.round = start.round.map(|round| json!({ "fold": round.fold, "c_mean": start.c_mean }));
    }

    /// A line for each exact pass, and one for the end that says why.
    pub fn progress(&mut self, progress: &Progress) {
        let mut line = json!({
            "pass": progress.passes,
            "oracle_calls": progress.oracle_calls,
            // JSON has no infinity: null until the first certificate, and if nothing is known of
            // what the oracle may have missed.
            "primal": progress.primal,
            "shown": progress.shown,
            "relaxed": progress.relaxed,
            "dual": progress.dual,
            "gap": progress.gap(),
            "relative_gap": progress.relative_gap(),
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

    /// Whether everything was written.
    pub fn finish(self) -> Result<(), Error> {
        match self.failure {
            None => Ok(()),
            Some(source) => Err(Error::Write { file: self.name, source }),
        }
    }
}
