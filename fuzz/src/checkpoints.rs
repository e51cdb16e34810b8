//! Checkpoints that were changed where no checksum shows it, and training that goes on from them.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crosscut::{Settings, Solver};
use crosscut_app::verbs::{Learn, learn};
use crosscut_app::{Checkpoints, Error, Every, Format, Learned, Options};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

use crate::models::mend;

/// What checkpoints are of: a task by its examples, and a solver.
const RUNS: [(&str, &str, Solver); 6] = [
    (MulticlassFiles::NAME, "1 1:1 2:-3 7:1\n2 3:1\n3 1:2 3:1\n1 2:5\n2 1:1 7:3\n", Solver::Block),
    (
        MulticlassFiles::NAME,
        "1 1:1 2:-3 7:1\n2 3:1\n3 1:2 3:1\n1 2:5\n2 1:1 7:3\n",
        Solver::OneSlack,
    ),
    (MulticlassFiles::NAME, "1 1:1 2:-3 7:1\n2 3:1\n3 1:2 3:1\n1 2:5\n2 1:1 7:3\n", Solver::Block),
    (
        RankingFiles::NAME,
        "2 qid:1 1:1 2:-3\n1 qid:1 7:1\n0 qid:1 2:2\n1 qid:2 1:1\n0 qid:2 3:1\n",
        Solver::Block,
    ),
    (
        SequenceFiles::NAME,
        "1 qid:1 1:1 2:-3\n2 qid:1 7:1\n1 qid:2 2:1\n2 qid:2 1:1\n1 qid:2 7:1\n",
        Solver::Block,
    ),
    (
        SequenceFiles::NAME,
        "1 qid:1 1:1 2:-3\n2 qid:1 7:1\n1 qid:2 2:1\n2 qid:2 1:1\n1 qid:2 7:1\n",
        Solver::OneSlack,
    ),
];

/// The first byte chooses a run, and five each then change its checkpoint: four say where, and the
/// last what byte stands there, or where it ends if their highest bit is set. Length and checksum
/// are made to fit.
pub fn checkpoint(bytes: &[u8]) {
    static KEPT: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| RUNS.iter().map(keep).collect());
    let Some((&first, changes)) = bytes.split_first() else { return };
    let at = usize::from(first) % RUNS.len();
    let mut changed = kept[at].clone();
    for &[a, b, c, d, value] in changes.as_chunks::<5>().0.iter().take(64) {
        let place = u32::from_le_bytes([a, b, c, d]);
        let at = (place & !(1 << 31)) as usize % changed.len().max(1);
        match place >> 31 {
            0 if at < changed.len() => changed[at] = value,
            _ => changed.truncate(at),
        }
    }
    let is_whole = changed == kept[at];
    let changed = mend(changed.clone()).unwrap_or(changed);
    match go_on(&RUNS[at], &changed) {
        // What was changed may be no more than a number, and nobody can know.
        Ok(learned) => assert!(learned.certificate.primal.is_finite()),
        Err(error) => {
            assert!(!is_whole, "{error}");
            assert!(error.is_bad_input(), "{error}");
        }
    }
}

/// The bytes of a checkpoint after three passes.
fn keep(run: &(&str, &str, Solver)) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("checkpoint");
    let checkpoints = Some(Checkpoints { file: &file, every: Every::Passes(1) });
    train(run, folder.path(), checkpoints, None, 4).expect("the examples can be trained on");
    fs::read(&file).expect("a checkpoint was written")
}

fn go_on(run: &(&str, &str, Solver), bytes: &[u8]) -> Result<Learned, Error> {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("checkpoint");
    fs::write(&file, bytes).expect("temporary files can be written");
    train(run, folder.path(), None, Some(&file), 7)
}

fn train(
    &(task, text, solver): &(&str, &str, Solver),
    folder: &Path,
    checkpoints: Option<Checkpoints<'_>>,
    resume: Option<&Path>,
    passes: usize,
) -> Result<Learned, Error> {
    // Never done, so that the checkpoint is of a run under way.
    let settings = Settings::new().solver(solver).threads(1).relative_gap(0.0).passes(passes);
    let (examples, model, options) =
        (folder.join("examples"), folder.join("model"), Options::default());
    fs::write(&examples, text).expect("temporary files can be written");
    let request = Learn {
        examples: &examples,
        model: &model,
        options: &options,
        settings: &settings,
        checkpoints,
        resume,
        prior: None,
        init: None,
        stream: false,
        ranks: None,
    };
    match task {
        RankingFiles::NAME => learn::<RankingFiles>(&request, &mut ()),
        SequenceFiles::NAME => learn::<SequenceFiles>(&request, &mut ()),
        _ => learn::<MulticlassFiles>(&request, &mut ()),
    }
}
