//! [`learn_on_ranks`]: [`learn`](super::learn()) on several ranks.

use std::cell::Cell;

use crosscut::{
    Certificate, Model, Regulariser, Shard, ShardTrainer, Solution, SolveError, StreamError,
};

use super::learn::Session;
use super::{Learn, Shape, check_options};
use crate::answers::{Learned, figure};
use crate::checkpoint::{Data, Origin};
use crate::container::Identity;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::Format;
use crate::model_file;
use crate::monitor::Monitor;
use crate::prior::{self, Prior};
use crate::ranks::{
    self, Collective, Counted, RankShards, agree, broadcast_value, define, end, gather_values,
    serve,
};

/// Trains on the ranks, of which this one has a part of the examples. The others serve the root,
/// which writes the model. All ranks get the certificate.
pub(super) fn learn_on_ranks<F: Format>(
    ranks: &dyn Collective,
    request: &Learn<'_>,
    monitor: &mut dyn Monitor,
) -> Result<Learned, Error> {
    let is_root = ranks.rank() == 0;
    let encoding = agree(ranks, check::<F>(request))?;
    // Only the root needs files beside the examples.
    let plan = agree(ranks, is_root.then(|| Plan::<F>::new(ranks, request)).transpose())?;
    let ranks::Shard { format, task, examples, first, total, digest } =
        define::<F>(ranks, request.options, request.examples, encoding, monitor)?;
    let shape = Shape::of(&format, &task);

    let weights = plan.as_ref().map(|plan| plan.weights(&format, &task, monitor)).transpose();
    let (prior, start) = agree(ranks, weights)?.unwrap_or_default();
    let prior = match request.prior {
        Some(_) => broadcast_value(ranks, is_root.then_some(prior))?,
        None => Vec::new(),
    };
    let regulariser = Regulariser::around(prior).with_lower_bounds(format.lower_bounds(&task));
    let shard = Shard::new(&task, &examples, (first, total), request.settings, &regulariser);
    let blame = |error: SolveError| shape.blame(request.examples, error);
    let mut shard = agree(ranks, shard.map_err(blame))?;

    let is_kept = request.checkpoints.is_some() || request.resume.is_some();
    let data = is_kept.then(|| Data::new(&format, &task, &examples, digest));
    let sizes = gather_values(ranks, examples.len())?;
    let data = gather_values(ranks, data)?;

    let ranks = Counted::new(ranks);
    let rounds = Cell::new(0);
    let learned = if let Some(Plan { mut run, .. }) = plan {
        let data: Vec<Data> = data.into_iter().flatten().collect();
        if is_kept {
            run.origin.data = Data::of_ranks(&data);
        }
        monitor.note(&each(&sizes));
        let shards = RankShards::new(&ranks, &mut shard, &rounds);
        let problem = (&regulariser, &*start);
        let trained = train(shards, problem, &mut run, request, &shape, monitor);
        drop(shard);
        let saved = trained.and_then(|solution| {
            let (w, learned) = run.finish(shape, solution);
            let model = Model::new(task, w, learned.settings, learned.certificate);
            let model = model.with_regulariser(regulariser);
            model_file::save(&format, &model, request.model).map(|()| learned)
        });
        let learned = end(&ranks, saved)?;
        let Learned { certificate, plane_bytes, seconds, oracle_seconds, .. } = learned;
        let outcome = (certificate, plane_bytes, seconds, oracle_seconds);
        broadcast_value::<Outcome>(&ranks, Some(outcome))?;
        learned
    } else {
        serve(&ranks, &mut shard)?;
        let (certificate, plane_bytes, seconds, oracle_seconds) =
            broadcast_value::<Outcome>(&ranks, None)?;
        Learned {
            task: shape.task,
            objective: shape.objective,
            certificate,
            settings: request.settings.threads(0),
            dim: shape.dim,
            sizes: shape.sizes,
            plane_bytes,
            seconds,
            oracle_seconds,
            checkpoint: None,
        }
    };
    let sent = gather_values(&ranks, ranks.sent())?;
    if is_root {
        monitor.note(&traffic(rounds.get(), &sent));
    }
    Ok(learned)
}

/// What other ranks do not know of the [`Learned`] of the root: its certificate, its bytes of
/// planes, its seconds and those in oracles.
type Outcome = (Certificate, usize, f64, f64);

/// Checks what is the same on all ranks. Returns the encoding of the examples.
fn check<F: Format>(request: &Learn<'_>) -> Result<Encoding, Error> {
    check_options::<F>(request.options)?;
    request.settings.check().map_err(SolveError::from)?;
    Encoding::of(request.options)
}

/// What the root opens before examples are read.
struct Plan<'a, F: Format> {
    run: Session<'a>,
    prior: Option<Prior<F>>,
    init: Option<Prior<F>>,
}

impl<'a, F: Format> Plan<'a, F> {
    fn new(ranks: &dyn Collective, request: &'a Learn<'a>) -> Result<Self, Error> {
        let mut origin = Origin::new(F::OPTIONS, request.settings, request.options, false);
        origin.set_ranks(ranks.size());
        request.check(F::OPTIONS, &F::beside(request.options, request.examples))?;
        let prior = Prior::<F>::open(request.prior)?;
        if let Some(prior) = &prior {
            origin.set_prior(&prior.origin);
        }
        let init = Prior::<F>::open(request.init)?;
        Ok(Self { run: Session::begin(request, Identity::of::<F>(), origin)?, prior, init })
    }

    /// The prior weights and those to start from; empty if there are none.
    fn weights(
        &self,
        format: &F,
        task: &F::Task,
        monitor: &mut dyn Monitor,
    ) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let mut note = |message: &str| monitor.note(message);
        let prior = prior::regulariser(self.prior.as_ref(), format, task, &mut note)?;
        let start = prior::start(self.init.as_ref(), format, task, &mut note)?;
        Ok((prior.prior().to_vec(), start))
    }
}

/// Trains on the shards of all ranks, with a regulariser and weights to start from.
fn train(
    shards: RankShards<'_, '_>,
    (regulariser, start): (&Regulariser, &[f64]),
    run: &mut Session<'_>,
    request: &Learn<'_>,
    shape: &Shape,
    monitor: &mut dyn Monitor,
) -> Result<Solution, Error> {
    let blame = |error| shape.blame(request.examples, error);
    let trainer = ShardTrainer::on(shards, request.settings).map_err(|error| match error {
        StreamError::Solve(error) => blame(error),
        StreamError::Source(error) => error,
    });
    let mut trainer = trainer?.with_regulariser(regulariser).map_err(blame)?;
    if !start.is_empty() {
        trainer.start_at(start).map_err(blame)?;
    }
    let (n, different) = (trainer.examples(), trainer.different());
    monitor.start(&shape.start(n, &request.settings.solver(trainer.solver()), None));
    if different < n {
        monitor.note(&format!(
            "equal examples of a rank are trained as one, with the sum of their weights: \
             {different} are left"
        ));
    }
    run.train(&mut trainer, shape, monitor)
}

/// How many examples the ranks have.
fn each(sizes: &[usize]) -> String {
    let (ranks, least, most) = (sizes.len(), sizes.iter().min(), sizes.iter().max());
    let (least, most) = (least.copied().unwrap_or_default(), most.copied().unwrap_or_default());
    let range = if least == most { most.to_string() } else { format!("{least} to {most}") };
    format!("{ranks} ranks, {range} examples each")
}

/// What ranks have sent in some rounds.
fn traffic(rounds: u64, sent: &[u64]) -> String {
    let per_round = |bytes: u64| {
        let kilobytes = bytes as f64 / rounds.max(1) as f64 / 1e3;
        figure((kilobytes * 10.0).round() / 10.0)
    };
    let (root, others) = sent
        .split_first()
        .map_or((0, 0), |(root, others)| (*root, others.iter().copied().max().unwrap_or_default()));
    format!(
        "{rounds} rounds of messages; in each, the root sends {} kB and another rank at most {} kB",
        per_round(root),
        per_round(others)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_sentences_for_any_ranks() {
        assert_eq!(each(&[250, 252, 251]), "3 ranks, 250 to 252 examples each");
        assert_eq!(each(&[7, 7]), "2 ranks, 7 examples each");
        assert_eq!(
            traffic(10, &[1_234_567, 100, 2000]),
            "10 rounds of messages; in each, the root sends 123.5 kB and another rank at most \
             0.2 kB"
        );
        assert!(traffic(0, &[]).starts_with("0 rounds"));
    }
}
