//! Training on what was read: panics may sit behind the reader.

use std::ops::ControlFlow;

use crosscut::{
    C, Certificate, OracleAudit, Settings, SlackNorm, Solver, StopReason, Task, Trainer,
};
use crosscut_app::{Format, Source, Training, check_options, define, read};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

use crate::case::{Case, blame};
use crate::models;

/// More are not trained: that would take seconds.
pub const MOST_WEIGHTS: usize = 1 << 18;

/// A few passes on a file, by any task, solver and settings.
pub fn training(bytes: &[u8]) {
    let case = Case::new(bytes);
    match case.get("task") {
        Some("ranking") => train::<RankingFiles>(&case),
        Some("sequence") => train::<SequenceFiles>(&case),
        _ => train::<MulticlassFiles>(&case),
    }
}

fn train<F: Format>(case: &Case<'_>) {
    let options = case.options();
    let source = || Source::from_text("examples", case.text);
    let defined = check_options::<F>(&options).and_then(|()| define::<F>(&options, source()));
    let Ok(Training { format, task, examples }) = defined else { return };
    if task.dim() > MOST_WEIGHTS {
        return;
    }
    let settings = settings(case);
    let solution = match Trainer::new(&task, &examples, &settings) {
        Ok(mut trainer) => trainer.solve(&mut |_| ControlFlow::Continue(())),
        Err(error) => return blame(&crosscut_app::Error::from(error), case.text),
    };
    let Certificate { primal, shown, dual, .. } = solution.certificate;
    // What is not finite is refused by `learn`.
    if shown.is_finite() {
        assert!(dual <= primal + 1e-6 * primal.abs().max(1.0), "D = {dual} is above P = {primal}");
        assert!(
            solution.w.iter().all(|weight| weight.is_finite()),
            "weights are finite where P is"
        );
        let items = read(&format, &task, source()).expect("what was learned from can be predicted");
        models::use_model(&format, &task, &solution.w, &items);
        models::again(
            &format,
            &crosscut::Model::new(task, solution.w, settings, solution.certificate),
        );
    }
}

fn settings(case: &Case<'_>) -> Settings {
    let number = |name: &str| case.get(name).and_then(|value| value.parse::<f64>().ok());
    let count = |name: &str| case.get(name).and_then(|value| value.parse::<usize>().ok());
    let mut settings = Settings::new().passes(count("passes").unwrap_or(3).min(6)).threads(1);
    settings.seconds = Some(0.3);
    settings.c = number("c").map_or(settings.c, C::Sum);
    settings.epsilon = number("e");
    settings.relative_gap = number("gap").unwrap_or(settings.relative_gap);
    settings.seed = count("seed").unwrap_or(0) as u64;
    settings.slack_norm =
        if case.get("p") == Some("2") { SlackNorm::Squared } else { SlackNorm::Linear };
    settings.solver = match case.get("solver") {
        Some("block") => Solver::Block,
        Some("one-slack") => Solver::OneSlack,
        _ => Solver::Auto,
    };
    let block = &mut settings.block;
    block.batch = count("batch").unwrap_or(block.batch);
    block.planes = count("planes").unwrap_or(block.planes);
    block.approximate_passes = count("approximate-passes").unwrap_or(5).min(20);
    block.acceleration = case.get("no-acceleration").is_none();
    settings
}

/// That of nothing.
pub fn certificate() -> Certificate {
    Certificate {
        solver: Solver::Block,
        c: 1.0,
        examples: 1,
        primal: 1.0,
        shown: 1.0,
        dual: 1.0,
        passes: 1.0,
        oracle_calls: 1,
        planes: 1,
        stop: StopReason::Gap,
        relaxed: false,
        prior: false,
        oracle: OracleAudit::default(),
    }
}
