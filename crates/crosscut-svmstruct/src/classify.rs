//! What the classifying programs do and print.

use crosscut::predict_all;
use crosscut_app::output::{self, display_name};
use crosscut_app::{Error, Source};

use crate::flags::Classify;
use crate::model::Model;
use crate::program::{Program, Report};
use crate::say::{Say, cpu_seconds};

/// Reads a model and examples, predicts and writes predictions.
///
/// # Errors
/// Bad flags, lines and files; predictions that cannot be written.
pub fn classify<P: Program>(flags: &Classify) -> Result<(), Error> {
    let say = Say::new(flags.verbosity);
    say.surplus(&flags.surplus);
    output::check(&flags.predictions, &[flags.examples.as_path(), flags.model.as_path()])?;

    say.part("Reading model...");
    let model = Model::read(&flags.model, &P::LAYOUT)?;
    let name = display_name(&flags.model);
    let (task, w) = P::load(&model, flags).map_err(|error| match error {
        Error::File { message, .. } => Error::file(name, message),
        other => other,
    })?;
    say.line("done.");
    say.part("Reading test examples...");
    let test = P::test(&task, &mut Source::open_quietly(&flags.examples)?)?;
    say.line(&test.read);
    say.part("Classifying test examples...");
    let began = cpu_seconds();
    let inputs: Vec<_> = test.inputs.iter().collect();
    let predictions = predict_all(&task, &w, &inputs);
    let cpu = cpu_seconds() - began;
    output::replace(&flags.predictions, |out| {
        (test.inputs.iter().zip(&predictions))
            .try_for_each(|(x, y_hat)| P::write(&task, &w, model.threshold, x, y_hat, out))
    })?;
    if say.tells(2) {
        (1..=predictions.len() / 100)
            .for_each(|hundreds| say.part(&format!("{}..", 100 * hundreds)));
    }
    say.line("done");
    say.line(format!("Runtime (without IO) in cpu-seconds: {cpu:.2}"));

    let Report { figures, tail } = P::report(&task, &test, &predictions);
    if let Some((loss, wrong)) = figures {
        let total = predictions.len();
        let percent = 100.0 * wrong as f64 / total.max(1) as f64;
        say.line(format!("Average loss on test set: {loss:.4}"));
        say.line(format!(
            "Zero/one-error on test set: {percent:.2}% ({} correct, {wrong} incorrect, {total} total)",
            total - wrong
        ));
    }
    tail.iter().for_each(|line| say.always(line));
    Ok(())
}
