//! What the learning programs do and print.

use std::ops::ControlFlow;
use std::process::ExitCode;

use crosscut::{
    C, DualVariable, Moment, Progress, Settings, SlackNorm, Solution, Solver, StopReason, Trainer,
    slacks,
};
use crosscut_app::answers::verdict;
use crosscut_app::output::{self, display_name};
use crosscut_app::{Error, Source};

use crate::Listen;
use crate::flags::Learn;
use crate::model::general;
use crate::program::{Program, Training};
use crate::say::{Say, cpu_seconds, note};

/// Reads examples, trains and writes the model.
///
/// # Errors
/// Bad flags, lines and files; a model that cannot be written.
pub fn learn<P: Program>(flags: &Learn, listen: Listen) -> Result<ExitCode, Error> {
    let program = format!("{}_learn", P::NAME);
    let algorithm = algorithm::<P>(flags)?;
    let n_slack = algorithm < 2;
    let say = Say::new(flags.verbosity);
    say.surplus(&flags.surplus);
    let inputs = [flags.examples.as_path(), flags.model.as_path()];
    output::check(&flags.model, &inputs[..1])?;
    flags.alphas.iter().try_for_each(|alphas| output::check(alphas, &inputs))?;

    say.part("Reading training examples...");
    let mut source = Source::open_quietly(&flags.examples)?;
    let training = P::training(flags, &mut source)?;
    let Training { task, mut examples, read, head, features, largest_loss, epsilon_factor } =
        training;
    say.line(&read);
    head.iter().for_each(|line| say.line(line));
    let epsilon = flags.epsilon.unwrap_or(P::EPSILON) * epsilon_factor.unwrap_or(1.0);
    if epsilon_factor.is_some() {
        say.line(format!(
            "NOTE: Adjusted stopping criterion relative to maximum loss: eps={epsilon:.6}"
        ));
    }
    if say.tells(2) {
        say.line(format!("{}: {}", P::DIMENSION, P::dimension(&task, features)));
        if !flags.idle.is_empty() {
            say.line(format!(
                "NOTE: Flags of another optimiser, without effect here: {}",
                flags.idle.join(" ")
            ));
        }
    }

    let new = P::renumber(&task, &mut examples);

    // Of tangents of squares neither α nor length mean anything to the family.
    let is_squared = flags.slack_norm == SlackNorm::Squared;
    let settings = Settings::new()
        .c(C::Mean(flags.c))
        .slack_norm(flags.slack_norm)
        .solver(if is_squared { Solver::Block } else { Solver::Auto })
        .epsilon(epsilon)
        .relative_gap(0.0);
    let began = cpu_seconds();
    let file = display_name(&flags.examples);
    let mut iterations =
        Iterations { say: &say, n: examples.len(), n_slack, c: flags.c, largest_loss, last: None };
    let signal = listen();
    let caught = || signal.as_ref().and_then(|caught| caught());
    let (mut solution, variables) = {
        let trainer = Trainer::new(&task, &examples, &settings);
        let mut trainer = trainer.map_err(|error| Error::Solve(error).in_file(&file))?;
        if n_slack {
            say.line(format!("Setting current working precision to {}.", general(epsilon, 6)));
        }
        let solution = trainer.solve(&mut |progress| {
            iterations.hear(progress);
            if caught().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let variables = trainer.dual_variables();
        (solution, variables)
    };
    let last = iterations.last.expect("training tells its end");
    let certificate = &solution.certificate;
    if let Some(fault) = certificate.oracle.fault {
        return Err(Error::file(file, fault.to_string()));
    }
    if !certificate.shown.is_finite() {
        return Err(Error::file(
            file,
            "the objective overflows double precision: scale the features, or choose a smaller -c",
        ));
    }
    let is_early = matches!(
        certificate.stop,
        StopReason::Precision | StopReason::Inexact | StopReason::Oracle
    );
    if is_early || certificate.oracle.worse > 0 {
        let verdict = verdict(certificate.stop, certificate.into(), &certificate.oracle);
        say.line(format!("NOTE: {verdict}"));
    }
    let cpu = cpu_seconds() - began;
    if say.tells(1) {
        let slacks = if n_slack { slacks(&task, &examples, &solution.w) } else { Ok(Vec::new()) };
        let slacks = slacks.map_err(|fault| Error::file(&file, fault.to_string()))?;
        let block = Block {
            flags,
            solution: &solution,
            variables: &variables,
            last: &last,
            slacks: &slacks,
            cpu,
        };
        block.lines(n_slack, &say).iter().for_each(|line| say.line(line));
    }
    if algorithm == 4 {
        say.line(format!("Final number of constraints in cache: {}", variables.len()));
    }
    if P::NAME == "svm_hmm" {
        // In hundredths of seconds, as they have it; tables of transitions and emissions are not
        // made here.
        let viterbi = 100.0 * solution.oracle_seconds;
        say.line(format!("Viterbi timing: CreateTransEmitMatrix={:.6} Viterbi={viterbi:.6}", 0.0));
    }

    if let Some(path) = &flags.alphas {
        output::replace(path, |out| {
            variables
                .iter()
                .try_for_each(|variable| writeln!(out, "{}", general(alpha(variable, flags.c), 18)))
        })?;
    }
    say.part("Compacting linear model...");
    if let Some(new) = new {
        solution.w = new.restore(solution.w);
    }
    let model = P::store(&task, &solution.w, features);
    let highest = P::dimension(&task, features) + 1;
    say.line("done");
    say.part("Writing learned model...");
    output::replace(&flags.model, |out| model.write(&P::LAYOUT, highest, variables.len(), out))?;
    say.line("done");
    if caught().is_some() {
        note(&program, "interrupted; the model is the best one so far");
    }
    Ok(caught().map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// `-w`: 0 and 1 print what n-slack algorithms print, 2 to 4 what 1-slack ones do. All solve the
/// problem to `-e`.
fn algorithm<P: Program>(flags: &Learn) -> Result<u32, Error> {
    match (flags.slack_norm, flags.algorithm) {
        (SlackNorm::Squared, Some(2..)) => Err(Error::option(
            "-p",
            "1 where -w is 2, 3 or 4: one slack for all examples is not squared",
            2,
        )),
        (SlackNorm::Squared, None) => Ok(0),
        (_, algorithm) => Ok(algorithm.unwrap_or(P::ALGORITHM)),
    }
}

/// α as the family counts it: that of a sum of planes adds up to C.
fn alpha(variable: &DualVariable, c: f64) -> f64 {
    if variable.example.is_some() { variable.alpha } else { c * variable.alpha }
}

/// Prints a line for each exact pass.
struct Iterations<'s> {
    say: &'s Say,
    n: usize,
    n_slack: bool,
    c: f64,
    largest_loss: f64,
    /// The latest news, and how many passes there were.
    last: Option<(Progress, usize)>,
}

impl Iterations<'_> {
    fn hear(&mut self, progress: &Progress) {
        if progress.moment == Moment::Within {
            return;
        }
        let (before, passes) =
            self.last.map_or((0, 0), |(last, passes)| (last.planes_found, passes));
        let passes = passes + 1;
        self.last = Some((*progress, passes));
        if !self.say.tells(1) {
            return;
        }
        let ended = matches!(progress.moment, Moment::End(_));
        let new = (progress.planes_found - before).min(self.n as u64) as usize;
        let calls = match self.n_slack {
            true => {
                format!(" ({} active): {}{}", self.n, ".".repeat(new), "+".repeat(self.n - new))
            }
            false => format!(": {}", ".".repeat(if self.n > 10 { 9 } else { self.n })),
        };
        // Weights of zero are better than what has no certificate yet.
        let gap = (progress.shown.min(self.c * self.largest_loss) - progress.dual).max(0.0);
        self.say.line(format!(
            "Iter {passes}{calls}{}(NumConst={}, SV={}, CEps={:.4}, QPEps={:.4})",
            if ended { "" } else { "*" },
            progress.planes,
            progress.support,
            gap / self.c,
            0.0
        ));
    }
}

/// What the block of figures at the end is made from.
struct Block<'b> {
    flags: &'b Learn,
    solution: &'b Solution,
    variables: &'b [DualVariable],
    last: &'b (Progress, usize),
    slacks: &'b [f64],
    cpu: f64,
}

impl Block<'_> {
    fn lines(&self, n_slack: bool, say: &Say) -> Vec<String> {
        let Self { flags, solution, variables, last: (progress, passes), slacks, cpu } = self;
        let certificate = &solution.certificate;
        let (c, n, squared) =
            (flags.c, certificate.examples, flags.slack_norm == SlackNorm::Squared);
        let norm: f64 = solution.w.iter().map(|weight| weight * weight).sum();
        let epsilon = certificate.gap().max(0.0) / c;
        let support = variables.iter().filter(|variable| variable.alpha > 0.0).count();
        // The slack that P(w) has beyond ½‖w‖²; the working set knows of all of it but the gap.
        let slack = (certificate.shown - 0.5 * norm) / c;
        let longest = variables.iter().map(|variable| {
            let unit = if variable.example.is_some() { 1.0 } else { c };
            variable.squared_norm.sqrt() / unit
        });
        let mut lines = vec![
            format!("Final epsilon on KKT-Conditions: {epsilon:.5}"),
            format!("Upper bound on duality gap: {:.5}", certificate.gap()),
            format!("Dual objective value: dval={:.5}", certificate.dual),
        ];
        if !n_slack {
            lines.push(format!("Primal objective value: pval={:.5}", certificate.shown));
        }
        lines.extend([
            format!(
                "Total number of constraints in final working set: {} (of {})",
                variables.len(),
                progress.planes_found.max(variables.len() as u64)
            ),
            format!("Number of iterations: {passes}"),
            format!(
                "Number of calls to 'find_most_violated_constraint': {}",
                certificate.oracle_calls
            ),
        ]);
        let charged: f64 = slacks.iter().map(|slack| 2.0 * c / n as f64 * slack * slack).sum();
        lines.extend(match squared {
            true => [
                format!("Number of SV: {support} (including 0 at upper bound)"),
                format!(
                    "Norm of weight vector (including L2-loss): |w|={:.5}",
                    (norm + charged).sqrt()
                ),
            ]
            .to_vec(),
            false => {
                let mut lines = vec![format!("Number of SV: {support} ")];
                if n_slack {
                    let positive = slacks.iter().filter(|slack| **slack > 0.0).count();
                    lines.push(format!(
                        "Number of non-zero slack variables: {positive} (out of {n})"
                    ));
                }
                lines.push(format!("Norm of weight vector: |w|={:.5}", norm.sqrt()));
                lines
            }
        });
        if n_slack {
            let mean = slacks.iter().sum::<f64>() / n as f64;
            lines.push(format!(
                "Norm. sum of slack variables (on working set): sum(xi_i)/n={mean:.5}"
            ));
        } else {
            lines.push(format!(
                "Value of slack variable (on working set): xi={:.5}",
                (slack - epsilon).max(0.0)
            ));
            lines.push(format!("Value of slack variable (global): xi={slack:.5}"));
        }
        lines.push(format!(
            "Norm of longest difference vector: ||Psi(x,y)-Psi(x,ybar)||={:.5}",
            longest.fold(0.0, f64::max)
        ));
        let share = 100.0 * (solution.oracle_seconds / solution.seconds.max(1e-9)).min(1.0);
        let rest = 100.0 - share;
        let split = match (n_slack, say.tells(2)) {
            (true, _) => format!(
                " ({rest:.2}% for QP, {share:.2}% for Argmax, 0.00% for Psi, 0.00% for init)"
            ),
            (false, true) => format!(
                " ({rest:.2}% for QP, 0.00% for kernel, {share:.2}% for Argmax, 0.00% for Psi, 0.00% for init, 0.00% for \
                 cache update, 0.00% for cache const, 0.00% for cache add (incl. 0.00% for sum))"
            ),
            (false, false) => String::new(),
        };
        lines.push(format!("Runtime in cpu-seconds: {cpu:.2}{split}"));
        lines
    }
}
