//! The picture of a certificate: both bounds of a training run, pass by pass.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin certificate
//! cargo run --release -p crosscut-benches --bin certificate -- --check
//! ```
//!
//! It trains on the shipped digits, by each solver, and writes `docs/svg/certificate.svg`, or checks
//! that the file is current. The horizontal axes count exact passes, so that the picture is the same
//! on every run. The training runs are
//!
//! ```text
//! crosscut learn multiclass --bias 1 --c-sum 0.001 --solver one-slack datasets/digits.train.svm digits.model
//! crosscut learn multiclass --bias 1 --c-sum 0.001 --solver block datasets/digits.train.svm digits.model
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use crosscut::{C, Rescaling, Settings, Solver, solve_observed};
use crosscut_app::{Options, Source, Training, define};
use crosscut_benches::plot::{Axis, grid_line, label, points, power};
use crosscut_multiclass::MulticlassFiles;

const FILE: &str = "docs/svg/certificate.svg";

/// Both bounds after an exact pass.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    passes: f64,
    primal: f64,
    dual: f64,
}

fn main() -> ExitCode {
    match run(env::args().skip(1).any(|argument| argument == "--check")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("certificate: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(check: bool) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let text = picture(&train(&root, Solver::OneSlack)?, &train(&root, Solver::Block)?);
    let file = root.join(FILE);
    if check {
        let current = fs::read_to_string(&file).map_err(|error| format!("{FILE}: {error}"))?;
        return match current == text {
            true => Ok(()),
            false => Err(format!("{FILE} is not what this program draws; run it without --check")),
        };
    }
    fs::write(&file, text).map_err(|error| format!("{FILE}: {error}"))?;
    println!("{FILE} written");
    Ok(())
}

/// Trains, and returns the bounds of all passes from the first certificate on.
fn train(root: &Path, solver: Solver) -> Result<Vec<Bounds>, String> {
    let mut options = Options::new(Rescaling::Margin, None);
    options.set("bias", "1");
    let file = root.join("datasets/digits.train.svm");
    let source = Source::open_quietly(&file).map_err(|error| error.to_string())?;
    let training =
        define::<MulticlassFiles>(&options, source).map_err(|error| error.to_string())?;
    let Training { task, examples, .. } = training;
    let settings = Settings::new().c(C::Sum(0.001)).solver(solver);
    let mut bounds: Vec<Bounds> = Vec::new();
    let solution = solve_observed(&task, &examples, &settings, &mut |progress| {
        let now = Bounds { passes: progress.passes, primal: progress.primal, dual: progress.dual };
        if now.primal.is_finite() && now.passes.fract() == 0.0 {
            bounds.retain(|earlier| earlier.passes < now.passes);
            bounds.push(now);
        }
        ControlFlow::Continue(())
    })
    .map_err(|error| error.to_string())?;
    match solution.certificate.converged() {
        true => Ok(bounds),
        false => Err("training has not reached its gap".to_owned()),
    }
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 48.0;
const FLOOR: f64 = 252.0;
const UPPER: &str = "#d55e00";
const LOWER: &str = "#0072b2";
const GAP: &str = "#009e73";
const BLOCK: &str = "#aa3377";

/// Two panels on a white card: the bounds of `one_slack`, and the relative gaps of both.
fn picture(one_slack: &[Bounds], block: &[Bounds]) -> String {
    let last = one_slack.last().map_or(1.0, |bounds| bounds.passes);
    let highest = one_slack.first().map_or(1.0, |bounds| bounds.primal);
    let values = |bounds: &[Bounds], value: fn(&Bounds) -> f64| -> Vec<(f64, f64)> {
        bounds.iter().map(|bound| (bound.passes, value(bound))).collect()
    };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"white\"/>\n"
    );
    let mut put = |line: String| {
        text += &line;
        text.push('\n');
    };

    // The bounds.
    let x = Axis::linear((0.0, last), (48.0, 420.0));
    let y = Axis::linear((0.0, 1.05 * highest), (FLOOR, TOP));
    put(heading(48.0, "The optimum lies between two bounds"));
    for tenth in (0..=14).step_by(2) {
        let value = f64::from(tenth) / 10.0;
        put(grid_line((48.0, y.place(value)), (420.0, y.place(value))));
        put(label((42.0, y.place(value) + 4.0), "end", &value.to_string()));
    }
    ticks(&x, last, &mut put);
    let (upper, lower) = (values(one_slack, |b| b.primal), values(one_slack, |b| b.dual));
    let area: Vec<(f64, f64)> = upper.iter().chain(lower.iter().rev()).copied().collect();
    put(format!(
        "<polygon points=\"{}\" fill=\"{GAP}\" fill-opacity=\"0.15\"/>",
        points(&x, &y, &thinned(&x, &y, &area))
    ));
    put(curve(&x, &y, &upper, UPPER));
    put(curve(&x, &y, &lower, LOWER));
    put(words((118.0, 110.0), UPPER, "P(w): objective of the weights so far"));
    put(words((196.0, 242.0), LOWER, "D: no weights have less"));

    // The relative gaps.
    let x = Axis::linear((0.0, last), (500.0, 840.0));
    let y = Axis::log((1e-4, 1.0), (FLOOR, TOP));
    put(heading(500.0, "Training stops when they meet"));
    for decade in -4..=0 {
        let at = y.place(10_f64.powi(decade));
        put(grid_line((500.0, at), (840.0, at)));
        put(label((494.0, at + 4.0), "end", &power(decade)));
    }
    ticks(&x, last, &mut put);
    let goal = y.place(1e-3);
    put(format!(
        "<line x1=\"500\" y1=\"{goal:.1}\" x2=\"840\" y2=\"{goal:.1}\" stroke=\"#444444\" \
         stroke-dasharray=\"5 4\"/>"
    ));
    put(label((560.0, goal + 16.0), "start", "--gap 0.001, the default"));
    put(curve(&x, &y, &values(one_slack, relative), GAP));
    put(curve(&x, &y, &values(block, relative), BLOCK));
    put(words((680.0, 84.0), GAP, "one-slack"));
    put(words((522.0, 196.0), BLOCK, "block (auto)"));
    put(words((640.0, 64.0), "#444444", "relative gap (P − D) / P"));
    text + "</svg>\n"
}

fn relative(bounds: &Bounds) -> f64 {
    (bounds.primal - bounds.dual) / bounds.primal
}

/// Marks of passes below a panel, and what they are.
fn ticks(x: &Axis, last: f64, put: &mut impl FnMut(String)) {
    for pass in (0..=last as u32).step_by(50) {
        let at = x.place(f64::from(pass));
        put(grid_line((at, TOP), (at, FLOOR)));
        put(label((at, FLOOR + 16.0), "middle", &pass.to_string()));
    }
    let middle = x.place(0.5 * last);
    put(label((middle, FLOOR + 36.0), "middle", "exact passes over the examples"));
}

fn curve(x: &Axis, y: &Axis, values: &[(f64, f64)], colour: &str) -> String {
    format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        points(x, y, &thinned(x, y, values))
    )
}

/// Leaves out points within 2 pixels of the one before, except the last.
fn thinned(x: &Axis, y: &Axis, values: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let place = |&(across, up): &(f64, f64)| (x.place(across), y.place(up));
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let is_near = kept.last().is_some_and(|before| {
            let (before, now) = (place(before), place(value));
            (now.0 - before.0).abs() + (now.1 - before.1).abs() < 2.0
        });
        if !is_near || at + 1 == values.len() {
            kept.push(*value);
        }
    }
    kept
}

fn heading(x: f64, text: &str) -> String {
    format!("<text x=\"{x}\" y=\"28\" font-size=\"15\" font-weight=\"bold\">{text}</text>")
}

fn words((x, y): (f64, f64), colour: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" font-weight=\"bold\" fill=\"{colour}\">{text}</text>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_current_and_small_and_its_bounds_close() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
        let [one_slack, block] =
            [Solver::OneSlack, Solver::Block].map(|solver| train(&root, solver).unwrap());
        for run in [&one_slack, &block] {
            for pair in run.windows(2) {
                let [before, after] = pair else { unreachable!() };
                assert!(after.primal <= before.primal && after.dual >= before.dual, "{pair:?}");
            }
            assert!(run.iter().all(|bounds| bounds.dual <= bounds.primal));
        }
        // All runs enclose one optimum.
        let ends = [&one_slack, &block].map(|run| run.last().copied().unwrap());
        assert!(ends[0].dual <= ends[1].primal && ends[1].dual <= ends[0].primal);
        let text = picture(&one_slack, &block);
        assert!(text.len() < 20_000, "{} bytes", text.len());
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        assert_eq!(run(true), Ok(()));
    }
}
