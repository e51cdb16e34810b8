//! Tests of the verbs on files, with the task of `fake.rs`.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crosscut::{C, Flow, Progress, Solver, StopReason};

use super::*;
use crate::answers::Validated;
use crate::fake::{Other, Signs, model};
use crate::model_file;
use crate::ranks::Threads;

const TABLE: [Entry; 2] = [Entry::of::<Other>(), Entry::of::<Signs>()];

/// A folder with linearly separable labelled examples, and two without a label.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let line = |i: usize| match i % 3 {
            0 => format!("1 1:{} 2:0.5\n", i % 7 + 1),
            1 => format!("-1 1:{} 3:-1\n", -((i % 5) as i32) - 1),
            _ => "1 2:2 # only the second\n".to_owned(),
        };
        fs::write(home.path("train"), (0..60).map(line).collect::<String>()).unwrap();
        fs::write(home.path("test"), "1 1:1\n? 1:-1\n-1 1:2 9:1\n3:1\n").unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn stored(&self, name: &str) -> ModelFile {
        ModelFile::open(&self.path(name)).unwrap()
    }

    fn learn(&self, settings: &Settings, monitor: &mut dyn Monitor) -> Result<Learned, Error> {
        let (examples, model, options) =
            (self.path("train"), self.path("model"), Options::default());
        let request = Learn {
            examples: &examples,
            model: &model,
            options: &options,
            settings,
            checkpoints: None,
            resume: None,
            prior: None,
            init: None,
            stream: false,
            ranks: None,
        };
        learn::<Signs>(&request, monitor)
    }

    /// Predictions go to `out`.
    fn classify(
        &self,
        examples: &str,
        model: &str,
        options: &Options,
    ) -> Result<Classified, Error> {
        let (examples, predictions) = (self.path(examples), self.path("out"));
        let request =
            Classify { examples: &examples, predictions: &predictions, flush: false, options };
        classify::<Signs>(&request, self.stored(model), &mut ())
    }
}

fn top(top: usize) -> Inspect<'static> {
    Inspect { top, class: None }
}

/// A monitor that records the notes; stops training at the first chance if `stop` is set.
#[derive(Default)]
struct Ears {
    starts: Vec<Start>,
    notes: Vec<String>,
    stop: bool,
}

impl Monitor for Ears {
    fn start(&mut self, start: &Start) {
        self.starts.push(start.clone());
    }

    fn progress(&mut self, _: &Progress) -> Flow {
        if self.stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn note(&mut self, message: &str) {
        self.notes.push(message.to_owned());
    }
}

#[test]
fn what_is_learned_can_be_inspected_and_evaluated() {
    let home = Home::new();
    let mut ears = Ears::default();
    let learned = home.learn(&Settings::new().relative_gap(1e-6), &mut ears).unwrap();
    assert_eq!(learned.certificate.stop, StopReason::Gap);
    assert!(learned.certificate.relative_gap() <= 1e-6);
    assert_eq!((learned.dim, &*learned.sizes), (3, &[("features", 3)][..]));
    let start = &ears.starts[0];
    assert_eq!((start.examples, start.dim, start.c_mean, start.c_sum), (60, 3, 60.0, 1.0));

    let inspected = inspect::<Signs>(home.stored("model"), &top(2)).unwrap();
    assert_eq!(
        (inspected.certificate, inspected.dim, inspected.nonzeros),
        (learned.certificate, 3, 3)
    );
    assert!(
        inspected.heaviest.is_sorted_by(|a, b| a.weight.abs() >= b.weight.abs())
            && inspected.heaviest.len() == 2
    );
    assert!(inspected.heaviest[0].name.starts_with("feature "));

    let none = Options::default();
    let report =
        evaluate::<Signs>(&home.path("train"), home.stored("model"), &none, &mut ears).unwrap();
    assert_eq!(report.get("loss"), Some(0.0));
    assert!(ears.notes.is_empty());
}

#[test]
fn equal_runs_write_equal_models_on_any_number_of_threads() {
    let home = Home::new();
    let bytes = [1, 2, 1].map(|threads| {
        home.learn(&Settings::new().threads(threads), &mut ()).unwrap();
        fs::read(home.path("model")).unwrap()
    });
    assert!(bytes[0] == bytes[1] && bytes[0] == bytes[2]);
}

#[test]
fn training_that_is_stopped_leaves_a_model_that_says_so() {
    let home = Home::new();
    let mut ears = Ears { stop: true, ..Ears::default() };
    let learned = home.learn(&Settings::new().relative_gap(0.0), &mut ears).unwrap();
    assert_eq!(learned.certificate.stop, StopReason::Interrupted);
    assert_eq!(
        inspect::<Signs>(home.stored("model"), &top(0)).unwrap().certificate,
        learned.certificate
    );
}

#[test]
fn bad_settings_and_targets_are_refused_before_examples_are_read() {
    let home = Home::new();
    fs::write(home.path("train"), "not an example").unwrap();
    let error = home.learn(&Settings::new().c(C::Sum(0.0)), &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "C must be a finite number above 0, not 0");
    fs::create_dir(home.path("model")).unwrap();
    let error = home.learn(&Settings::default(), &mut ()).unwrap_err();
    assert!(error.to_string().ends_with("model: expected a file, found a directory"), "{error}");
    fs::remove_dir(home.path("model")).unwrap();
    let error = home.learn(&Settings::default(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("train:1: expected"), "{error}");
    assert!(error.is_bad_input() && !home.path("model").exists());
}

#[test]
fn predictions_are_in_order_and_labels_are_not_needed() {
    let home = Home::new();
    model_file::save(&Signs::default(), &model(vec![1.0, 0.0, 0.5]), &home.path("model")).unwrap();
    let go = |name: &str| home.classify(name, "model", &Options::default());
    assert_eq!(go("test").unwrap(), Classified { examples: 4, labelled: 2, loss: Some(0.5) });
    assert_eq!(fs::read_to_string(home.path("out")).unwrap(), "1 1\n-1 -1\n1 2\n1 0.5\n");

    let many: String = (1..=10_000).map(|i| format!("? 1:{i}\n")).collect();
    fs::write(home.path("many"), many).unwrap();
    assert_eq!(go("many").unwrap(), Classified { examples: 10_000, labelled: 0, loss: None });
    let expected: String = (1..=10_000).map(|i| format!("1 {i}\n")).collect();
    assert!(fs::read_to_string(home.path("out")).unwrap() == expected);
}

#[test]
fn options_of_reading_and_writing_reach_the_task_before_anything_is_read() {
    let home = Home::new();
    model_file::save(&Signs::default(), &model(vec![1.0, 0.0, 0.5]), &home.path("model")).unwrap();
    let mut options = Options::default();
    options.set("above", "1.5");
    let report =
        evaluate::<Signs>(&home.path("test"), home.stored("model"), &options, &mut ()).unwrap();
    assert_eq!(report.get("loss"), Some(1.0));
    options.set("bare", "");
    home.classify("test", "model", &options).unwrap();
    assert_eq!(fs::read_to_string(home.path("out")).unwrap(), "-1\n-1\n1\n-1\n");

    fs::write(home.path("test"), "not an example").unwrap();
    options.set("above", "x");
    let expected = "--above expects a number, not `x`";
    let error = home.classify("test", "model", &options).unwrap_err();
    assert_eq!(error.to_string(), expected);
    let error =
        evaluate::<Signs>(&home.path("test"), home.stored("model"), &options, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_oracle_that_may_have_missed_something_is_told_of_everywhere() {
    let home = Home::new();
    let (examples, model, mut options) =
        (home.path("train"), home.path("model"), Options::default());
    let settings = Settings::default();
    let go = |options: &Options| {
        let (settings, checkpoints, resume) = (&settings, None, None);
        let learn = Learn {
            examples: &examples,
            model: &model,
            options,
            settings,
            checkpoints,
            resume,
            prior: None,
            init: None,
            stream: false,
            ranks: None,
        };
        let learned = super::learn::<Signs>(&learn, &mut ()).unwrap();
        let inspected = inspect::<Signs>(home.stored("model"), &top(0)).unwrap();
        assert_eq!(
            (inspected.verdict(), inspected.certificate),
            (learned.verdict(), learned.certificate)
        );
        let json = learned.to_json();
        assert_eq!(
            (&json["primal"], &json["converged"]),
            (&inspected.to_json()["primal"], &inspected.to_json()["converged"])
        );
        (learned.verdict(), json)
    };
    let (verdict, json) = go(&options);
    assert!(
        verdict.starts_with("converged: primal ") && json["primal"] == json["shown"],
        "{verdict}"
    );
    options.set("lazy", "");
    let (verdict, json) = go(&options);
    assert!(
        verdict.starts_with("solved as far as the oracle can tell: primal at least "),
        "{verdict}"
    );
    assert!(
        json["primal"].is_null() && json["shown"].is_number() && json["converged"] == false,
        "{json}"
    );
}

#[test]
fn measures_are_weighted_and_skip_what_has_no_label() {
    let home = Home::new();
    model_file::save(&Signs::default(), &model(vec![1.0]), &home.path("model")).unwrap();
    fs::write(home.path("test"), "1 1:1\n? 1:1\n-1 cost:3 1:1\n").unwrap();
    let mut ears = Ears::default();
    let none = Options::default();
    let report =
        evaluate::<Signs>(&home.path("test"), home.stored("model"), &none, &mut ears).unwrap();
    assert_eq!(report.get("loss"), Some(0.75));
    assert_eq!(ears.notes, ["1 of 3 examples have no output and are left out"]);
    fs::write(home.path("test"), "? 1:1\n").unwrap();
    let error =
        evaluate::<Signs>(&home.path("test"), home.stored("model"), &none, &mut ears).unwrap_err();
    assert!(error.to_string().ends_with("expected labelled examples, found none with an output"));
}

#[test]
fn every_example_is_held_out_once_for_every_c() {
    let home = Home::new();
    let (examples, options, settings) =
        (home.path("train"), Options::default(), Settings::default());
    let cs = [C::Sum(1.0), C::Mean(0.01), C::Sum(1.0)];
    let request = Validate {
        examples: &examples,
        folds: 4,
        cs: &cs,
        extend: true,
        choice: Choice::Best,
        predictions: None,
        prior: None,
        options: &options,
        settings: &settings,
    };
    let mut ears = Ears::default();
    let validation = validate::<Signs>(&request, &mut ears).unwrap();
    assert_eq!(validation.extended, []);
    let validated = validation.points;
    assert_eq!(validated.iter().map(|validated| validated.point.c).collect::<Vec<_>>(), &cs[..2]);
    for Validated { point, report, .. } in &validated {
        assert_eq!(point.risks.len(), 4);
        assert!((report.get("loss").unwrap() - point.risk).abs() < 1e-12);
    }
    assert_eq!(validated[0].point.risk, 0.0);
    assert_eq!(ears.starts.len(), 8);
    assert!(ears.starts.iter().all(|start| start.examples == 45 && start.round.is_some()));

    for (folds, expected) in
        [(1, "--folds expects at least 2, not `1`"), (61, "groups), 60, not `61`")]
    {
        let error = validate::<Signs>(&Validate { folds, ..request }, &mut ()).unwrap_err();
        assert!(error.to_string().ends_with(expected) && error.is_bad_input(), "{error}");
    }
    let error =
        validate::<Signs>(&Validate { cs: &[C::Sum(-1.0)], ..request }, &mut ()).unwrap_err();
    assert!(error.to_string().starts_with("C must be"), "{error}");
}

/// With `--positive`, the task needs weights of at least 0.5.
#[test]
fn training_keeps_to_the_lower_bounds_of_a_task_with_and_without_a_prior() {
    let home = Home::new();
    let (examples, settings) = (home.path("train"), Settings::default());
    let mut options = Options::default();
    options.set("positive", "");
    let train = |name: &str, options: &Options, prior: Option<&Path>, solver| {
        let (model, settings) = (home.path(name), settings.solver(solver));
        let request = Learn {
            examples: &examples,
            model: &model,
            options,
            settings: &settings,
            checkpoints: None,
            resume: None,
            prior,
            init: None,
            stream: false,
            ranks: None,
        };
        let certificate = learn::<Signs>(&request, &mut ()).unwrap().certificate;
        assert!(certificate.converged(), "{certificate:?}");
        (home.stored(name).load::<Signs>().unwrap().1, certificate)
    };
    let (free, _) = train("free", &Options::default(), None, Solver::Auto);
    assert!(free.w.iter().any(|weight| *weight < 0.4), "{:?}", free.w);
    let path = home.path("free");
    for prior in [None, Some(&*path)] {
        let found = [Solver::Block, Solver::OneSlack]
            .map(|solver| train("bounded", &options, prior, solver));
        let on_ranks = [Solver::Block, Solver::OneSlack].map(|solver| {
            let (model, settings) = (home.path("ranks"), settings.solver(solver));
            let request = Learn {
                examples: &examples,
                model: &model,
                options: &options,
                settings: &settings,
                checkpoints: None,
                resume: None,
                prior,
                init: None,
                stream: false,
                ranks: None,
            };
            let learned = Threads::run(3, |ranks| {
                learn::<Signs>(&Learn { ranks: Some(ranks), ..request }, &mut ()).unwrap()
            });
            (home.stored("ranks").load::<Signs>().unwrap().1, learned[0].certificate)
        });
        let found: Vec<_> = found.into_iter().chain(on_ranks).collect();
        for (model, certificate) in &found {
            assert!(model.w.iter().all(|weight| *weight >= 0.5), "{:?}", model.w);
            assert_eq!(model.regulariser.lower_bounds().len(), model.w.len());
            assert_eq!(certificate.prior, prior.is_some());
            assert!(found.iter().all(|(_, other)| certificate.dual <= other.primal));
        }
        let request = Validate {
            examples: &examples,
            folds: 3,
            cs: &[C::Sum(1.0)],
            extend: true,
            choice: Choice::Best,
            predictions: None,
            prior,
            options: &options,
            settings: &settings,
        };
        let validated = validate::<Signs>(&request, &mut ()).unwrap();
        assert!(validated.points[0].point.relative_gap <= settings.relative_gap);
    }
}

#[test]
fn a_model_finds_its_row_in_the_table() {
    let home = Home::new();
    model_file::save(&Signs::default(), &model(vec![1.0]), &home.path("model")).unwrap();
    assert_eq!(Entry::of_model(&TABLE, &home.stored("model")).unwrap().name, "sign");
    let error = Entry::of_model(&TABLE[..1], &home.stored("model")).unwrap_err();
    assert!(
        error.to_string().ends_with("expected a model of one of the tasks other, found `sign`"),
        "{error}"
    );
    let error = ModelFile::open(&home.path("train")).unwrap_err();
    assert!(
        error.to_string().ends_with("expected a Crosscut model, found something else"),
        "{error}"
    );
}

#[test]
fn answers_name_the_figures_of_the_log() {
    let home = Home::new();
    let json = home.learn(&Settings::default(), &mut ()).unwrap().to_json();
    for name in
        ["task", "examples", "dim", "sizes", "c_mean", "c_sum", "oracle_calls", "primal", "dual"]
    {
        assert!(!json[name].is_null(), "{name}");
    }
    for name in ["gap", "relative_gap", "planes", "passes", "seconds", "oracle_seconds", "settings"]
    {
        assert!(!json[name].is_null(), "{name}");
    }
    assert_eq!(json["stop"], "gap");
    let json = inspect::<Signs>(home.stored("model"), &top(1)).unwrap().to_json();
    assert!(json["heaviest"][0]["name"].is_string() && json["heaviest"][0]["weight"].is_number());
}

#[test]
fn every_verb_refuses_inputs_that_the_task_cannot_predict() {
    let home = Home::new();
    model_file::save(&Signs::default(), &model(vec![1.0]), &home.path("good")).unwrap();
    fs::write(home.path("train"), "1 1:1\n-1 1:2e30\n").unwrap();
    let expected = "example 1 (counted from 0): expected values of at most 1e30";
    let learned = home.learn(&Settings::default(), &mut ()).unwrap_err();
    let classified = home.classify("train", "good", &Options::default()).unwrap_err();
    let evaluated =
        evaluate::<Signs>(&home.path("train"), home.stored("good"), &Options::default(), &mut ())
            .unwrap_err();
    for error in [learned, classified, evaluated] {
        assert!(error.is_bad_input() && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn broken_files_are_bad_input_and_leave_nothing_behind() {
    let home = Home::new();
    model_file::save(&Signs::default(), &model(vec![1.0]), &home.path("good")).unwrap();
    let good = fs::read(home.path("good")).unwrap();
    let broken: [&[u8]; 9] = [
        b"",
        b"\n",
        b"1:1\n",
        b"1 1:nan\n",
        b"1 2:1 1:1",
        b"1 0:1\r\n",
        b"1 1:1e400\n",
        b"1 \xff:1",
        &[0x1f, 0x8b],
    ];
    for bytes in broken.into_iter().chain([&good[..], &good[..good.len() / 2]]) {
        fs::write(home.path("train"), bytes).unwrap();
        let learned = home.learn(&Settings::default(), &mut ()).unwrap_err();
        assert!(learned.is_bad_input() && !home.path("model").exists(), "{learned}");
        if bytes != good {
            let inspected = ModelFile::open(&home.path("train")).unwrap_err();
            assert!(inspected.is_bad_input(), "{inspected}");
        }
        // A file to predict may have no labels, and no examples.
        if ![&b"1:1\n"[..], b"", b"\n"].contains(&bytes) {
            let classified = home.classify("train", "good", &Options::default()).unwrap_err();
            assert!(classified.is_bad_input() && !home.path("out").exists(), "{classified}");
        }
    }
}
