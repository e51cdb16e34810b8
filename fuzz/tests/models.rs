//! Model files of every task: what is written is read, to the bit, and what is damaged is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use crosscut::{
    BlockSettings, C, Certificate, Fault, FaultKind, Model, OracleAudit, Rescaling, Settings,
    SlackNorm, Solver, StopReason, Task,
};
use crosscut_app::model_file::{self, ModelFile};
use crosscut_app::{Error, Format, Options, Source, Training, define};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;
use crosscut_testkit::cases;
use proptest::prelude::*;
use proptest::sample::select;

/// A format and a model of its task.
type Both<F> = (F, Model<<F as Format>::Task>);

fn bytes<F: Format>((format, model): &Both<F>) -> Vec<u8> {
    let mut bytes = Vec::new();
    model_file::write(format, model, &mut bytes).unwrap();
    bytes
}

fn read<F: Format>(bytes: Vec<u8>) -> Result<Both<F>, Error> {
    ModelFile::from_bytes(Path::new("model"), bytes)?.load()
}

/// The claims, for one model.
fn check<F: Format<Task: PartialEq + Debug>>(
    model: Both<F>,
    at: prop::sample::Index,
    flip: u8,
) -> Result<(), TestCaseError> {
    let good = bytes(&model);
    let again = read::<F>(good.clone()).unwrap();
    prop_assert_eq!(&again.1, &model.1);
    // Equality takes 0 for −0.
    prop_assert!(bytes(&again) == good);

    let at = at.index(good.len());
    let mut bad = good.clone();
    bad[at] ^= flip;
    for bad in [bad, good[..at].to_vec()] {
        let error = read::<F>(bad).map(|_| ()).unwrap_err();
        prop_assert!(
            matches!(&error, Error::File { file, message } if file == "model" && !message.is_empty()),
            "{}",
            error
        );
    }
    Ok(())
}

/// A task defined by examples, with any weights, settings and certificate.
fn model<F: Format>(text: &str, options: &Options, how: (u64, Settings, Certificate)) -> Both<F> {
    let source = Source::from_text("examples", text);
    let Training { format, task, .. } = define::<F>(options, source).unwrap();
    let (seed, settings, certificate) = how;
    // Weights of all sizes, among them denormal numbers and both zeros.
    let mut state = seed;
    let mut weight = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let weight = f64::from_bits(state ^ state >> 29);
        if weight.is_finite() { weight } else { -0.0 }
    };
    let w = (0..task.dim()).map(|_| weight()).collect();
    (format, Model::new(task, w, settings, certificate))
}

fn how() -> impl Strategy<Value = (u64, Settings, Certificate)> {
    let finite = || prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
    let c =
        (finite(), any::<bool>()).prop_map(|(c, mean)| if mean { C::Mean(c) } else { C::Sum(c) });
    let solver = || select(vec![Solver::Auto, Solver::Block, Solver::OneSlack]);
    let block = (any::<[u32; 4]>(), any::<bool>());
    let block = block.prop_map(|([batch, approximate, planes, idle], acceleration)| {
        BlockSettings::new()
            .batch(batch as usize)
            .approximate_passes(approximate as usize)
            .planes(planes as usize)
            .idle(idle)
            .acceleration(acceleration)
    });
    let norm = select(vec![SlackNorm::Linear, SlackNorm::Squared]);
    let stops =
        (prop::option::of(finite()), prop::option::of(any::<usize>()), prop::option::of(finite()));
    let settings = (c, norm, solver(), finite(), stops, any::<u64>(), block).prop_map(
        |(c, slack_norm, solver, relative_gap, (epsilon, passes, seconds), seed, block)| {
            let settings = Settings::new().c(c).slack_norm(slack_norm).solver(solver).seed(seed);
            let settings = settings.relative_gap(relative_gap).epsilon(epsilon).passes(passes);
            settings.seconds(seconds).block(block)
        },
    );
    use FaultKind::{DeltaNotFinite, IndexBeyondDim, LossNegative, LossNotFinite};
    use StopReason::{
        Epsilon, Fault as Failed, Gap, Inexact, Interrupted, Passes, Precision, Seconds,
    };
    let stop = select(vec![Gap, Epsilon, Passes, Seconds, Interrupted, Precision, Inexact, Failed]);
    let kind = select(vec![LossNotFinite, LossNegative, DeltaNotFinite, IndexBeyondDim]);
    let fault = prop::option::of(
        (any::<usize>(), kind).prop_map(|(example, kind)| Fault { example, kind }),
    );
    let oracle = (any::<u64>(), prop::option::of(any::<usize>()), fault)
        .prop_map(|(worse, first_worse, fault)| OracleAudit { worse, first_worse, fault });
    let figures = [finite(), finite(), finite(), finite()];
    let certificate = (solver(), any::<[usize; 2]>(), figures, any::<u64>(), stop, oracle)
        .prop_map(
            |(
                solver,
                [examples, planes],
                [c, primal, dual, passes],
                oracle_calls,
                stop,
                oracle,
            )| Certificate {
                shown: primal,
                solver,
                c,
                examples,
                primal,
                dual,
                passes,
                oracle_calls,
                planes,
                stop,
                relaxed: false,
                prior: false,
                oracle,
            },
        );
    (any::<u64>(), settings, certificate)
}

/// Features of a line: ids that are dense or far apart, with values.
fn features() -> impl Strategy<Value = String> {
    let ids = prop_oneof![1..20_u32, 1..=u32::MAX];
    prop::collection::btree_map(ids, -1e3..1e3_f32, 0..4)
        .prop_map(|row| row.iter().map(|(id, value)| format!(" {id}:{value}")).collect())
}

fn rescaling(slack: bool) -> Rescaling {
    if slack { Rescaling::Slack } else { Rescaling::Margin }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn multiclass(
        rows in prop::collection::vec(("-?[0-9]{1,3}", features()), 1..6),
        loss in select(vec![None, Some(0), Some(1)]),
        bias in prop::option::of(0.1..9.0_f32),
        scale in select(vec!["none", "standard", "global"]),
        costs in prop::option::of(0.0..1e9_f64),
        slack in any::<bool>(),
        how in how(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let text: String = rows.iter().map(|(label, features)| format!("{label}{features}\n")).collect::<String>() + "a-first 1:1\n7777\n";
        let text = if loss == Some(1) { text.replace("a-first", "8888") } else { text };
        let mut options = Options::new(rescaling(slack), loss);
        bias.iter().for_each(|bias| options.set("bias", bias.to_string()));
        options.set("scale", scale);
        let file = tempfile::NamedTempFile::new().unwrap();
        if let (Some(cost), None) = (costs, loss) {
            fs::write(file.path(), format!("a-first 7777 {cost}\n")).unwrap();
            options.set("cost", file.path().display().to_string());
        }
        check(model::<MulticlassFiles>(&text, &options, how), at, flip)?;
    }

    #[test]
    fn ranking(
        rows in prop::collection::vec((0..5_u32, features()), 1..8),
        loss in 1..=8_u32,
        k in 1..20_usize,
        scale in select(vec!["none", "query", "standard", "global"]),
        how in how(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let text: String = rows.iter().enumerate().map(|(at, (grade, features))| format!("{grade} qid:{}{features}\n", at / 3)).collect::<String>() + "1 qid:99 1:1\n";
        let mut options = Options::new(rescaling(k % 2 == 0 && matches!(loss, 6 | 7)), Some(loss));
        options.set("scale", scale);
        if matches!(loss, 4 | 5 | 7) {
            options.set("k", k.to_string());
        }
        check(model::<RankingFiles>(&text, &options, how), at, flip)?;
    }

    #[test]
    fn sequence(
        rows in prop::collection::vec((select(vec!["B-x", "O", "B-π", "7"]), features(), "[a-z:%\\\\é]{1,4}"), 1..8),
        format in select(vec!["hmm", "crfsuite", "columns"]),
        (orders, beam) in (select(vec![(0, 0), (1, 0), (1, 1), (2, 0), (3, 1)]), 0..3_usize),
        loss in 0..=2_u32,
        cost in prop::option::of(1..50_u32),
        (slack, bio) in any::<(bool, bool)>(),
        scale in select(vec!["none", "standard", "global"]),
        how in how(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let line = |(tag, features, name): &(&str, String, String)| match format {
            "hmm" => format!("{tag} qid:1{features}\n"),
            "crfsuite" => format!("{tag}\t{}:0.5\tcommon\n", name.replace('\\', "\\\\").replace(':', "\\:")),
            _ => format!("{name} {tag}\n"),
        };
        let more = ["O", "N"].map(|tag| (tag, " 1:1".to_owned(), "c".to_owned()));
        let text: String = rows.iter().chain(&more).map(line).collect();
        let mut options = Options::new(rescaling(slack), Some(loss));
        let (costs, template) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
        options.set("format", format);
        if format == "columns" {
            fs::write(template.path(), "U0:%x[0,0]/%X[-1,0]\nU1:%m[0,0,\"^.\"]%t[1,0,\"\\d\"]\nB\nB0:%X[0,0]\n").unwrap();
            options.set("template", template.path().display().to_string());
        }
        options.set("t", orders.0.to_string());
        options.set("e", orders.1.to_string());
        options.set("b", beam.to_string());
        options.set("scale", scale);
        if bio && text.contains("B-") {
            options.set("constrain", "bio");
        }
        if let (Some(cost), 1 | 2) = (cost, loss) {
            fs::write(costs.path(), format!("O N {cost}\nN O 2\n")).unwrap();
            options.set("cost", costs.path().display().to_string());
        }
        check(model::<SequenceFiles>(&text, &options, how), at, flip)?;
    }
}
