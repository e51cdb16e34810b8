//! Numbers at the edge of what can be represented, through every task and every solver: either a
//! certificate that is true, by an evaluation of its own, or a refusal that says what and where.
//! Never NaN, never a panic, never a run without end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![allow(clippy::print_stdout, reason = "counts and figures are what these tests are for")]

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crosscut::{
    C, Certificate, Example, Feature, Rescaling, Settings, SlackNorm, Solver, Trainer, primal,
    testing,
};
use crosscut_app::{Format, Options, Source, Training, define};
use crosscut_multiclass::{Class, Multiclass, MulticlassFiles};
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

/// Rows of features, from which each task makes examples.
struct World {
    name: &'static str,
    rows: Vec<String>,
    /// How many labels, tags or grades.
    labels: usize,
    /// How many rows are one query or one sequence.
    group: usize,
    /// `cost:` of each row where a task takes one, or nothing.
    cost: &'static str,
}

/// The constants that are tried, and after how many passes a run may end where double precision
/// does not suffice.
struct Effort {
    cs: &'static [f64],
    passes: usize,
}

const QUICK: Effort = Effort { cs: &[1e-30, 1.0, 1e30], passes: 30 };
const THOROUGH: Effort = Effort { cs: &[1e-30, 1e-10, 1e-3, 1.0, 1e3, 1e10, 1e30], passes: 200 };

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];
const NORMS: [SlackNorm; 2] = [SlackNorm::Linear, SlackNorm::Squared];

/// Whole numbers from −9 to 9 that look random.
fn noise(row: usize, column: usize) -> f64 {
    (((row * 7919 + column * 104_729 + 13) * 2_654_435_761) % 1_000_003 % 19) as f64 - 9.0
}

/// Rows of four features that value `row` and `column` are given by.
fn rows(count: usize, value: impl Fn(usize, usize) -> f64) -> Vec<String> {
    let feature = |row, column| format!(" {}:{:e}", column + 1, value(row, column));
    (0..count).map(|row| (0..4).map(|column| feature(row, column)).collect()).collect()
}

fn worlds() -> Vec<World> {
    let world = |name, rows| World { name, rows, labels: 3, group: 3, cost: "" };
    let scaled = |name, scale: f64| world(name, rows(18, |row, column| scale * noise(row, column)));
    let plain = || rows(18, noise);
    vec![
        scaled("plain", 1.0),
        scaled("values of 1e30", 1e30),
        scaled("values of 1e-30", 1e-30),
        scaled("denormal values", 1e-42),
        scaled("the largest values", 3.4e38 / 9.0),
        world(
            "large and small columns",
            rows(18, |row, column| noise(row, column) * [1e30, 1e-30, 1.0, 1e15][column]),
        ),
        world(
            "large and small rows",
            rows(18, |row, column| noise(row, column) * [1e20, 1e-20, 1.0][row % 3]),
        ),
        world(
            "a large offset",
            rows(18, |row, column| if column == 0 { 1e30 } else { noise(row, column) }),
        ),
        world(
            "a large common feature",
            rows(18, |row, column| if column == 0 { 1e6 } else { noise(row, column) }),
        ),
        world("zeros", rows(18, |_, _| 0.0)),
        world("no features", vec![String::new(); 18]),
        world(
            "some without features",
            (0..18)
                .map(|row| [String::new(), rows(18, noise)[row].clone()][row % 2].clone())
                .collect(),
        ),
        world(
            "duplicates that contradict each other",
            rows(18, |row, column| noise(row / 6, column)),
        ),
        world("all the same", rows(18, |_, column| noise(0, column))),
        World { labels: 1, ..world("one label", plain()) },
        World { group: 1, ..world("groups of one", plain()) },
        World { group: 18, ..world("one group", plain()) },
        world("one example", rows(1, noise)),
        World { group: 2, ..world("two examples", rows(2, noise)) },
        world(
            "ids of 32 bits",
            (0..18)
                .map(|row| {
                    format!(
                        " {}:1 4294967295:{:e}",
                        4_000_000_000_u32 - row,
                        noise(row as usize, 1)
                    )
                })
                .collect(),
        ),
        World { cost: " cost:1e30", ..world("large weights", plain()) },
        World { cost: " cost:1e-30", ..world("small weights", plain()) },
        World { cost: " cost:0", ..world("no weights", plain()) },
    ]
}

fn text(world: &World, line: impl Fn(usize, &str) -> String) -> String {
    world.rows.iter().enumerate().fold(String::new(), |mut text, (row, features)| {
        let _ = writeln!(text, "{}{features}", line(row, world.cost));
        text
    })
}

fn multiclass(world: &World) -> String {
    text(world, |row, cost| format!("{}{cost}", row % world.labels))
}

fn ranking(world: &World) -> String {
    text(world, |row, cost| format!("{} qid:{}{cost}", row % world.labels, row / world.group + 1))
}

fn sequence(world: &World) -> String {
    text(world, |row, cost| format!("t{} qid:{}{cost}", row % world.labels, row / world.group + 1))
}

/// What became of the runs.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    converged: usize,
    precision: usize,
    passes: usize,
    refused: usize,
    wrong: Vec<String>,
}

/// Every solver, norm and C on one file. Duals of one are below primals of another.
fn try_all<F: Format>(
    options: &Options,
    world: &World,
    text: &str,
    effort: &Effort,
    tally: &mut Tally,
) {
    let source = Source::from_text(world.name, text);
    let Training { task, examples, .. } = match define::<F>(options, source) {
        Ok(defined) => defined,
        Err(error) => {
            let message = error.to_string();
            tally.runs += 1;
            tally.refused += 1;
            if !(message.starts_with(world.name) && message.len() > world.name.len() + 10) {
                tally.wrong.push(format!("{}, {}: {message}", F::NAME, world.name));
            }
            return;
        }
    };
    for slack_norm in NORMS {
        for &c in effort.cs {
            let mut found: Vec<(Solver, Certificate)> = Vec::new();
            for solver in SOLVERS {
                let at = format!(
                    "{} {options:?}, {}, {slack_norm:?}, C {c:e}, {}",
                    F::NAME,
                    world.name,
                    solver.name()
                );
                let settings = Settings::new()
                    .c(C::Sum(c))
                    .solver(solver)
                    .slack_norm(slack_norm)
                    .passes(effort.passes)
                    .threads(1);
                tally.runs += 1;
                let run = catch_unwind(AssertUnwindSafe(|| {
                    let solution = Trainer::new(&task, &examples, &settings)?
                        .solve(&mut |_| ControlFlow::Continue(()));
                    testing::check_solution(&task, &examples, &settings, &solution);
                    Ok::<_, crosscut::SolveError>(solution.certificate)
                }));
                match run {
                    Ok(Ok(certificate)) => {
                        match certificate.stop {
                            crosscut::StopReason::Precision => tally.precision += 1,
                            crosscut::StopReason::Passes => tally.passes += 1,
                            _ => tally.converged += 1,
                        }
                        for (other, before) in &found {
                            for (a, b) in [(certificate, before), (*before, &certificate)] {
                                if a.dual > b.primal + 1e-10 * b.primal.abs() {
                                    tally.wrong.push(format!(
                                        "{at}: against {}: {a:?} {b:?}",
                                        other.name()
                                    ));
                                }
                            }
                        }
                        found.push((solver, certificate));
                    }
                    Ok(Err(error)) => {
                        tally.refused += 1;
                        if !error.to_string().starts_with("C must be") {
                            tally.wrong.push(format!("{at}: {error}"));
                        }
                    }
                    Err(panic) => {
                        let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                        tally.wrong.push(format!("{at}: {message}"));
                    }
                }
            }
        }
    }
}

/// Counts, and every run that was wrong.
fn report(tally: &Tally) {
    let Tally { runs, converged, precision, passes, refused, wrong } = tally;
    println!(
        "{runs} runs: {converged} converged, {precision} at the limits of double precision, {passes} ended by their number of passes, {refused} refused, {} wrong",
        wrong.len()
    );
    wrong.iter().for_each(|wrong| println!("  {wrong}"));
    assert!(wrong.is_empty(), "{} of {runs} runs are wrong, such as {}", wrong.len(), wrong[0]);
}

fn multiclass_with(effort: &Effort) {
    let mut tally = Tally::default();
    for world in worlds() {
        for options in [Options::default(), Options::new(Rescaling::Slack, None)] {
            try_all::<MulticlassFiles>(&options, &world, &multiclass(&world), effort, &mut tally);
        }
    }
    report(&tally);
}

fn ranking_with(effort: &Effort) {
    let mut tally = Tally::default();
    for world in worlds() {
        for loss in [1, 3, 4] {
            let options = Options::new(Rescaling::Margin, Some(loss));
            try_all::<RankingFiles>(&options, &world, &ranking(&world), effort, &mut tally);
        }
    }
    report(&tally);
}

fn sequence_with(effort: &Effort) {
    let mut tally = Tally::default();
    for world in worlds() {
        for options in [Options::default(), Options::new(Rescaling::Slack, Some(0))] {
            try_all::<SequenceFiles>(&options, &world, &sequence(&world), effort, &mut tally);
        }
    }
    report(&tally);
}

#[test]
fn multiclass_is_right_or_refuses() {
    multiclass_with(&QUICK);
}

#[test]
fn ranking_is_right_or_refuses() {
    ranking_with(&QUICK);
}

#[test]
fn sequences_are_right_or_refuse() {
    sequence_with(&QUICK);
}

#[test]
#[ignore = "minutes"]
fn every_constant_is_right_or_refused() {
    multiclass_with(&THOROUGH);
    ranking_with(&THOROUGH);
    sequence_with(&THOROUGH);
}

/// A million examples of one feature: none is lost in a sum.
#[test]
fn a_million_examples_are_trained_on() {
    let text: String =
        (0..1_000_000).map(|row| if row % 3 == 0 { "1 1:1\n" } else { "2 1:-0.5\n" }).collect();
    let source = Source::from_text("million", text);
    let Training { task, examples, .. } =
        define::<MulticlassFiles>(&Options::default(), source).unwrap();
    for (solver, c) in [
        (Solver::Block, C::Mean(1.0)),
        (Solver::OneSlack, C::Mean(1.0)),
        (Solver::Block, C::Sum(1.0)),
    ] {
        let settings = Settings::new().c(c).solver(solver);
        let solution = Trainer::new(&task, &examples, &settings)
            .unwrap()
            .solve(&mut |_| ControlFlow::Continue(()));
        let certificate = solution.certificate;
        assert!(certificate.converged(), "{certificate:?}");
        let primal = primal(&task, &examples, &settings, &solution.w).unwrap();
        assert!(
            (-1e-9..=1e-8).contains(&(certificate.primal / primal - 1.0)),
            "{primal} {certificate:?}"
        );
        // w is (−v, v): P = v² + C · mean of max(0, 1 − 2v|x|), by a search over v.
        let at = |v: f64| {
            let slack = 333_334.0 * (1.0 - 2.0 * v).max(0.0) + 666_666.0 * (1.0 - v).max(0.0);
            v * v + settings.c.sum(1_000_000) * slack
        };
        let optimum =
            (0..=20_000).map(|step| at(f64::from(step) * 1e-4)).fold(f64::INFINITY, f64::min);
        assert!(certificate.dual <= optimum * (1.0 + 1e-12), "{optimum} {certificate:?}");
        assert!(certificate.primal >= optimum * (1.0 - 1e-6), "{optimum} {certificate:?}");
    }
}

/// 10⁸ weights, of which few are used, give the optimum of the same problem with the used ones
/// alone.
#[test]
#[ignore = "needs 6 GB"]
fn a_hundred_million_weights_are_trained() {
    let ids = [1, 49_999_999, 7, 50_000_000, 12_345_678];
    let row = |row: usize| (0..5).map(move |column| (ids[column], noise(row, column) as f32));
    let sorted = |at: usize| {
        let mut features: Vec<(u32, f32)> = row(at).filter(|(_, value)| *value != 0.0).collect();
        features.sort_by_key(|&(id, _)| id);
        features
    };
    let text: String = (0..6).fold(String::new(), |mut text, at| {
        let features: String =
            sorted(at).iter().map(|(id, value)| format!(" {id}:{value}")).collect();
        let _ = writeln!(text, "{}{features}", at % 2);
        text
    });
    let source = Source::from_text("few", text);
    let Training { task: few, examples: few_examples, .. } =
        define::<MulticlassFiles>(&Options::default(), source).unwrap();
    let many = Multiclass::numbered(2, 50_000_000).unwrap();
    let examples: Vec<_> = (0..6)
        .map(|at| {
            let features = sorted(at)
                .into_iter()
                .map(|(id, value)| Feature { index: id - 1, value })
                .collect();
            Example::new(many.input(features).unwrap(), Class::new(at % 2))
        })
        .collect();
    for solver in [Solver::Block, Solver::OneSlack] {
        let settings = Settings::new().c(C::Sum(0.01)).solver(solver).threads(1).relative_gap(1e-4);
        let go = &mut |_: &crosscut::Progress| ControlFlow::Continue(());
        let a = Trainer::new(&few, &few_examples, &settings).unwrap().solve(go).certificate;
        let b = Trainer::new(&many, &examples, &settings).unwrap().solve(go).certificate;
        println!("{a:?}\n{b:?}");
        assert!(b.converged() && a.dual <= b.primal && b.dual <= a.primal, "{a:?} {b:?}");
    }
}
