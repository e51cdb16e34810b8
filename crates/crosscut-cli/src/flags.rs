//! The flags, and their translation into settings of the library.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint, value_parser};
use clap_complete::Shell;
use crosscut::validation;
use crosscut::{BlockSettings, C, Rescaling, Settings, SlackNorm, Solver};
use crosscut_app::verbs::Choice;
use crosscut_app::{Checkpoints, Entry, Every, OptionSpec, Options, encoding, probability};

use crate::{Other, Program};

/// The width of help texts on wide terminals.
const WIDTH: usize = 100;

/// The whole program. Help, parsing, usage errors, completions and man pages follow from it.
pub fn program(program: &Program<'_>) -> Command {
    let &Program { name, tasks, others, about_others } = program;
    let command = Command::new(name)
        .max_term_width(WIDTH)
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Structural SVMs: learn to predict classes, tag sequences and rankings, with a certificate \
             of how far each model is from the optimum",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(per_task(
            "learn",
            "Train a model",
            tasks,
            |entry, command| Learn::augment_args(command.args(print_template(entry))),
            |task| format!("{name} learn {task} --c-sum 0.1 train.txt my.model"),
        ))
        .subcommand(with_flags(
            "classify",
            "Predict with a model",
            |command| Classify::augment_args(command.args(of_any_task(tasks, classifying))),
            &format!("{name} classify new.txt my.model predictions.txt"),
        ))
        .subcommand(with_flags(
            "evaluate",
            "Measure a model on labelled examples",
            |command| Evaluate::augment_args(command.args(of_any_task(tasks, evaluating))),
            &format!("{name} evaluate test.txt my.model"),
        ))
        .subcommand(per_task(
            "validate",
            "Choose C by cross-validation",
            tasks,
            |_, command| Validate::augment_args(command),
            |task| {
                format!("{name} validate {task} --c-sum 0.001..10 --refit my.model train.txt")
            },
        ))
        .subcommand(with_flags(
            "inspect",
            "Show what a model is, how it was trained, and its heaviest weights",
            Inspect::augment_args,
            &format!("{name} inspect --top 20 my.model"),
        ))
        .subcommand(with_flags(
            "export",
            "Write a model as JSON text that other programs can read",
            Export::augment_args,
            &format!("{name} export my.model my.json"),
        ))
        .subcommand(per_task(
            "check",
            "Read a file of examples as learn would, and test the task on them",
            tasks,
            |_, command| Check::augment_args(command),
            |task| format!("{name} check {task} train.txt"),
        ))
        .subcommand(Command::new("tasks").about("List the tasks"))
        .subcommand(with_flags(
            "completions",
            "Print a script with which a shell completes the words of this program",
            Completions::augment_args,
            &format!("{name} completions bash >> ~/.bash_completion"),
        ))
        .subcommand(with_flags(
            "man",
            "Write manual pages for man(1), one for each verb",
            ManPages::augment_args,
            &format!("{name} man ~/.local/share/man/man1"),
        ))
        .subcommands(others.iter().map(other));
    command.after_help(about_others)
}

/// A command beside the verbs: all of its arguments are needed, and none of its options.
fn other(command: &Other) -> Command {
    let option = |&(name, help): &(&'static str, &'static str)| {
        let path = value_parser!(PathBuf);
        Arg::new(name).long(name).help(help).value_name("PATH").value_parser(path)
    };
    let argument = |&(name, help): &(&'static str, &'static str)| {
        Arg::new(name).help(help).required(true).value_parser(value_parser!(PathBuf))
    };
    Command::new(command.name)
        .about(command.about)
        .args(command.arguments.iter().map(argument))
        .args(command.options.iter().map(option))
}

/// The arguments and options given to a command beside the verbs.
pub fn given(command: &Other, matches: &ArgMatches) -> (Vec<PathBuf>, Vec<Option<PathBuf>>) {
    let given = |(name, _): &(&'static str, _)| matches.get_one::<PathBuf>(name).cloned();
    (
        command.arguments.iter().filter_map(given).collect(),
        command.options.iter().map(given).collect(),
    )
}

/// A subcommand whose own subcommands are the tasks.
fn per_task(
    name: &'static str,
    about: &'static str,
    tasks: &[Entry],
    augment: fn(&Entry, Command) -> Command,
    example: impl Fn(&str) -> String,
) -> Command {
    let mut command = Command::new(name)
        .about(about)
        .subcommand_value_name("TASK")
        .subcommand_help_heading("Tasks")
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true);
    if let Some(Entry { name: first, .. }) = tasks.first() {
        let example = example(first);
        command = command.after_help(format!(
            "Each task has options of its own, which --help after its name lists.\n\n{}",
            shown(&example)
        ));
    }
    command.subcommands(tasks.iter().map(|entry| {
        let augment = |command: Command| {
            let command =
                command.args(learning(entry).iter().map(|spec| argument(spec).help(spec.help)));
            augment(entry, command)
        };
        with_flags(entry.name, entry.about, augment, &example(entry.name))
    }))
}

/// The end of a help text.
fn shown(example: &str) -> String {
    format!("Example:\n  {example}")
}

/// The flag that prints a template of the task, if there are any.
fn print_template(entry: &Entry) -> Option<Arg> {
    let names = entry.templates.iter().map(|(name, _)| *name);
    (!entry.templates.is_empty()).then(|| {
        Arg::new("print-template")
            .long("print-template")
            .value_name("NAME")
            .value_parser(PossibleValuesParser::new(names))
            .exclusive(true)
            .help_heading("Task")
            .help("Prints a built-in template, as a start for one of your own, and exits.")
    })
}

/// The text that `--print-template` asks for.
pub fn template(entry: &Entry, matches: &ArgMatches) -> Option<&'static str> {
    let name: &String = matches.try_get_one("print-template").ok().flatten()?;
    entry.templates.iter().find(|(known, _)| known == name).map(|(_, text)| *text)
}

/// The options that `learn` and `validate` accept for a task.
fn learning(entry: &Entry) -> Vec<OptionSpec> {
    [entry.options, if_log(entry, &[probability::OBJECTIVE]), &[encoding::OPTION]].concat()
}

/// Selects the options of a task that `classify` or `evaluate` accepts.
pub type Reading = fn(&Entry) -> Vec<OptionSpec>;

/// The options that `classify` accepts for a task.
pub fn classifying(entry: &Entry) -> Vec<OptionSpec> {
    [
        entry.reading,
        entry.writing,
        if_log(entry, &[probability::PROBABILITIES]),
        &[encoding::OPTION],
    ]
    .concat()
}

/// Options of tasks that can be trained with the log-loss.
fn if_log<'s>(entry: &Entry, options: &'s [OptionSpec]) -> &'s [OptionSpec] {
    if entry.has_probabilities() { options } else { &[] }
}

/// The options that `evaluate` accepts for a task.
pub fn evaluating(entry: &Entry) -> Vec<OptionSpec> {
    [entry.reading, &[encoding::OPTION]].concat()
}

/// The options of all tasks, each once: the task is known only when the model has been opened.
fn of_any_task(tasks: &[Entry], reading: Reading) -> Vec<Arg> {
    let mut options: Vec<(OptionSpec, Vec<&str>)> = Vec::new();
    for entry in tasks {
        for spec in reading(entry) {
            match options.iter_mut().find(|(other, _)| other.name == spec.name) {
                Some((_, names)) => names.push(entry.name),
                None => options.push((spec, vec![entry.name])),
            }
        }
    }
    let argument = |(spec, names): (OptionSpec, Vec<&str>)| {
        argument(&spec).help(format!("({}) {}", names.join(", "), spec.help))
    };
    options.into_iter().map(argument).collect()
}

/// An option or a switch of a task, without its help.
fn argument(spec: &OptionSpec) -> Arg {
    let argument = Arg::new(spec.name).long(spec.name).help_heading("Task");
    match spec.value {
        "" => argument.action(ArgAction::SetTrue),
        value => {
            let is_file = value.ends_with("FILE");
            let hint = if is_file { ValueHint::FilePath } else { ValueHint::Unknown };
            argument.value_name(value).value_hint(hint)
        }
    }
}

/// Copies the options and switches of `specs` that were given.
fn take<'s>(
    options: &mut Options,
    specs: impl IntoIterator<Item = &'s OptionSpec>,
    matches: &ArgMatches,
) {
    for &OptionSpec { name, value, .. } in specs {
        if value.is_empty() {
            if matches.get_flag(name) {
                options.set(name, "");
            }
        } else if let Some(value) = matches.get_one::<String>(name) {
            options.set(name, value.as_str());
        }
    }
}

/// The options given for a model of the task `entry`. The error is the name of an option that
/// belongs to another task.
pub fn beside_model(
    tasks: &[Entry],
    entry: &Entry,
    reading: Reading,
    matches: &ArgMatches,
) -> Result<Options, &'static str> {
    let mut options = Options::default();
    let own = reading(entry);
    take(&mut options, &own, matches);
    let mut foreign =
        tasks.iter().flat_map(reading).filter(|spec| own.iter().all(|one| one.name != spec.name));
    match foreign.find(|spec| matches.value_source(spec.name) == Some(ValueSource::CommandLine)) {
        Some(spec) => Err(spec.name),
        None => Ok(options),
    }
}

fn with_flags(
    name: &'static str,
    about: &'static str,
    augment: impl FnOnce(Command) -> Command,
    example: &str,
) -> Command {
    // `about` comes after the flags, since `augment` brings the comments of their structs. `-c -1`
    // is a bad number, not an unknown option.
    let command = augment(Command::new(name)).about(about).allow_negative_numbers(true);
    command.after_help(shown(example))
}

/// `learn TASK`.
#[derive(Debug, Args)]
pub struct Learn {
    #[command(flatten)]
    pub c: OneC,
    #[command(flatten)]
    pub training: Training,
    #[command(flatten)]
    pub talk: Talk,
    /// Write progress as JSON lines to FILE.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub log: Option<PathBuf>,
    #[command(flatten)]
    pub checkpoints: Keeping,
    #[command(flatten)]
    pub prior: PriorModel,
    /// Start from the weights of MODEL, matched by name. The optimum is the same, and training takes
    /// fewer passes if MODEL was trained with another C or on fewer examples. A resumed run continues
    /// with its own weights.
    #[arg(long, value_name = "MODEL", help_heading = "Advanced")]
    pub init: Option<PathBuf>,
    #[command(flatten)]
    pub advanced: Advanced,
    /// Keep no examples in memory: read EXAMPLES twice before training and once for each pass. Uses
    /// the solver one-slack.
    #[arg(long, help_heading = "Advanced")]
    pub stream: bool,
    /// Training examples; `-` reads standard input; gzip, bzip2 and xz are unpacked.
    pub examples: PathBuf,
    /// The model to write.
    pub model: PathBuf,
}

/// The model to start from.
#[derive(Debug, Args)]
pub struct PriorModel {
    /// Stay near the weights w0 of MODEL: minimise ½‖w − w0‖² + C · slack. MODEL must be of the same
    /// task, with the same labels. Weights are matched by name; those of new features stay near 0
    /// [default: w0 = 0].
    #[arg(long, value_name = "MODEL", help_heading = "Advanced")]
    pub prior: Option<PathBuf>,
}

/// Flags for checkpoints.
#[derive(Debug, Args)]
pub struct Keeping {
    /// Save the state of training in FILE, from which --resume continues after a crash, an interrupt
    /// or a limit.
    #[arg(long, value_name = "FILE", help_heading = "Checkpoints")]
    checkpoint: Option<PathBuf>,
    /// How often to save: a time in seconds (30s) or a number of exact passes (5). Also saved before
    /// training ends without reaching its gap. If saving is slow, it takes at most a twentieth of the
    /// time [default: 30s].
    #[arg(long, value_name = "30s|5", help_heading = "Checkpoints", value_parser = every)]
    every: Option<Every>,
    /// Continue from the checkpoint FILE with the same data and options, and reach the same model bit
    /// for bit. Only --threads, --passes and --seconds may differ. Later states are saved in FILE,
    /// unless --checkpoint names another.
    #[arg(long, value_name = "FILE", help_heading = "Checkpoints")]
    pub resume: Option<PathBuf>,
}

impl Keeping {
    /// The file for checkpoints and how often to write them. The error says what `--every` needs.
    pub fn plan(&self) -> Result<Option<Checkpoints<'_>>, &'static str> {
        match (self.checkpoint.as_ref().or(self.resume.as_ref()), self.every) {
            (Some(file), every) => {
                Ok(Some(Checkpoints { file, every: every.unwrap_or(Every::Seconds(30.0)) }))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => Err("--every needs --checkpoint FILE or --resume FILE"),
        }
    }
}

/// `classify`.
#[derive(Debug, Args)]
pub struct Classify {
    /// Write each prediction as soon as its example is complete, so that another program can ask
    /// through pipes. A multiclass example is complete with its line, a sequence with a blank line or
    /// the next qid, a query with a line of the next qid. PREDICTIONS is written in place.
    #[arg(long)]
    pub flush: bool,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub talk: Talk,
    /// Examples, with or without labels; `-` reads standard input; gzip, bzip2 and xz are unpacked.
    pub examples: PathBuf,
    /// A model written by `learn`.
    pub model: PathBuf,
    /// The predictions to write, in the order of EXAMPLES; `-` writes to standard output.
    pub predictions: PathBuf,
}

/// `evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub talk: Talk,
    /// Examples with labels; `-` reads standard input; gzip, bzip2 and xz are unpacked.
    pub examples: PathBuf,
    /// A model written by `learn`.
    pub model: PathBuf,
}

/// `validate TASK`.
#[derive(Debug, Args)]
pub struct Validate {
    /// Number of folds.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = at_least::<2>)]
    pub folds: usize,
    #[command(flatten)]
    pub cs: ManyC,
    /// Do not extend the grid. By default, if the best of three or more values is the smallest or the
    /// largest, two more values are tried on that side.
    #[arg(long)]
    no_extend: bool,
    /// Which C --refit and --predictions use: the best, or the smallest within one standard error of
    /// the best (`1-se` in the table).
    #[arg(long, value_name = "best|one-se", default_value = "best", value_parser = choice(), hide_possible_values = true)]
    pub choose: Choice,
    #[command(flatten)]
    pub training: Training,
    #[command(flatten)]
    pub talk: Talk,
    /// Write progress as JSON lines to FILE.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub log: Option<PathBuf>,
    /// Write a prediction for each example, made with the chosen C by the model that was not trained
    /// on it, in the format of classify.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub predictions: Option<PathBuf>,
    /// Train on all examples with the chosen C, and write MODEL.
    #[arg(long, value_name = "MODEL", help_heading = "Output")]
    pub refit: Option<PathBuf>,
    #[command(flatten)]
    pub prior: PriorModel,
    #[command(flatten)]
    pub advanced: Advanced,
    /// Examples with labels; `-` reads standard input; gzip, bzip2 and xz are unpacked.
    pub examples: PathBuf,
}

/// `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// How many of the heaviest weights to show.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Show only the heaviest weights for and against this class or tag.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub class: Option<String>,
    /// Print one JSON object, with the heaviest weights of every class.
    #[arg(long)]
    pub json: bool,
    /// A model written by `learn`.
    pub model: PathBuf,
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// A model written by `learn`.
    pub model: PathBuf,
    /// The JSON file to write; `-` writes to standard output; .gz is packed.
    pub file: PathBuf,
}

/// `check TASK`.
#[derive(Debug, Args)]
pub struct Check {
    /// How many examples to test the task on; they are spread over the file.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least::<1>)]
    pub sample: usize,
    #[command(flatten)]
    pub numbers: TaskNumbers,
    #[command(flatten)]
    pub threads: Threads,
    #[command(flatten)]
    pub talk: Talk,
    /// Training examples; `-` reads standard input; gzip, bzip2 and xz are unpacked.
    pub examples: PathBuf,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell to write the script for.
    pub shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManPages {
    /// The folder for the pages; it is created if needed. Without it, the first page is printed.
    pub folder: Option<PathBuf>,
}

/// One constant.
#[derive(Debug, Args)]
pub struct OneC {
    /// C in ½‖w‖² + C · mean slack, as for SVM^struct [default: --c-sum 1].
    #[arg(short = 'c', value_name = "C", conflicts_with = "c_sum", value_parser = positive)]
    c_mean: Option<f64>,
    /// C in ½‖w‖² + C · sum of slacks, as for LIBLINEAR; equal to -c with n times the value, for n
    /// examples [default: 1].
    #[arg(long, value_name = "C", value_parser = positive)]
    c_sum: Option<f64>,
}

impl OneC {
    pub fn c(&self) -> C {
        self.c_mean.map_or(C::Sum(self.c_sum.unwrap_or(1.0)), C::Mean)
    }
}

/// Several constants.
#[derive(Debug, Args)]
pub struct ManyC {
    /// Values of C in ½‖w‖² + C · mean slack, separated by commas, or a range: 0.01..100 is
    /// 0.01,0.1,1,10,100, and 1..9x3 is 1,3,9.
    #[arg(short = 'c', value_name = "LIST", value_delimiter = ',', conflicts_with = "c_sum", value_parser = grid)]
    c_mean: Vec<Grid>,
    /// Values of C in ½‖w‖² + C · sum of slacks, in the same notation.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "0.01..10",
        value_parser = grid
    )]
    c_sum: Vec<Grid>,
}

/// One value of C, or several by a factor.
#[derive(Clone, Debug, PartialEq)]
struct Grid(Vec<f64>);

impl Validate {
    /// Whether the grid may be extended.
    pub fn extends(&self) -> bool {
        !self.no_extend
    }
}

impl ManyC {
    pub fn cs(&self) -> Vec<C> {
        let (grids, c): (_, fn(f64) -> C) = match self.c_mean.is_empty() {
            true => (&self.c_sum, C::Sum),
            false => (&self.c_mean, C::Mean),
        };
        grids.iter().flat_map(|Grid(values)| values.iter().copied().map(c)).collect()
    }
}

/// The options of a task that are numbers in every task.
#[derive(Debug, Args)]
pub struct TaskNumbers {
    /// Which loss of the task to minimise; the numbers are under Task.
    #[arg(short = 'l', value_name = "N")]
    loss: Option<u32>,
    /// How the loss enters the constraints: 1 slack rescaling, 2 margin rescaling.
    #[arg(short = 'o', value_name = "1|2", help_heading = "Task", default_value = "2", value_parser = ["1", "2"], hide_possible_values = true)]
    rescaling: String,
}

impl TaskNumbers {
    /// The options of a task, from the same command line.
    pub fn options(&self, entry: &Entry, matches: &ArgMatches) -> Options {
        let rescaling = if self.rescaling == "1" { Rescaling::Slack } else { Rescaling::Margin };
        let mut options = Options::new(rescaling, self.loss);
        take(&mut options, &learning(entry), matches);
        options
    }
}

/// How to train.
#[derive(Debug, Args)]
pub struct Training {
    #[command(flatten)]
    pub numbers: TaskNumbers,
    /// How slacks enter the objective: 1 linear, 2 squared.
    #[arg(short = 'p', value_name = "1|2", help_heading = "Task", default_value = "1", value_parser = ["1", "2"], hide_possible_values = true)]
    slack_norm: String,
    /// Stop when (primal − dual) / primal ≤ GAP; 0 never stops [default: 0.001, or 0 with -e].
    #[arg(long, value_name = "GAP", value_parser = not_negative)]
    gap: Option<f64>,
    /// Stop when primal − dual ≤ C · EPS, for the C of -c [default: use --gap].
    #[arg(short = 'e', value_name = "EPS", value_parser = positive)]
    epsilon: Option<f64>,
    /// Stop after N exact passes over the examples [default: no limit].
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    passes: Option<usize>,
    /// Stop after about S seconds [default: no limit].
    #[arg(long, value_name = "S", value_parser = positive)]
    seconds: Option<f64>,
    #[command(flatten)]
    pub threads: Threads,
}

/// Flags that are rarely needed. The defaults, such as `auto`, were chosen by measurements.
#[derive(Debug, Args)]
pub struct Advanced {
    /// Method: block-coordinate ascent, or 1-slack cutting planes; auto chooses by the number of
    /// examples. All reach the same optimum.
    #[arg(long, value_name = "SOLVER", default_value = Solver::default().name(), value_parser = solver(), help_heading = "Advanced")]
    solver: Solver,
    /// Seed of the order of examples, and of the folds.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Advanced")]
    seed: u64,
    /// Use at most SIZE (500MB, 2GB) of memory for planes, besides examples and weights. With less,
    /// training takes longer and its certificate is as good [default: no bound].
    #[arg(long, value_name = "SIZE", help_heading = "Advanced", value_parser = memory)]
    max_memory: Option<usize>,
    /// Solver block: examples per batch; at most an eighth of all.
    #[arg(long, value_name = "N", default_value_t = BlockSettings::default().batch, help_heading = "Advanced", value_parser = at_least::<1>)]
    batch: usize,
    /// Solver block: passes over cached planes between two exact passes, at most.
    #[arg(long, value_name = "N", default_value_t = BlockSettings::default().approximate_passes, help_heading = "Advanced")]
    approximate_passes: usize,
    /// Solver block: planes kept for an example, at most.
    #[arg(long, value_name = "N", default_value_t = BlockSettings::default().planes, help_heading = "Advanced", value_parser = at_least::<2>)]
    planes: usize,
    /// Solver block: no acceleration and no second-order steps, only steps over cached planes.
    #[arg(long, help_heading = "Advanced")]
    no_acceleration: bool,
}

impl Training {
    pub fn settings(&self, c: C, advanced: &Advanced) -> Settings {
        let defaults = Settings::default();
        let alone = if self.epsilon.is_some() { 0.0 } else { defaults.relative_gap };
        let squared = self.slack_norm == "2";
        defaults
            .c(c)
            .slack_norm(if squared { SlackNorm::Squared } else { SlackNorm::Linear })
            .solver(advanced.solver)
            .relative_gap(self.gap.unwrap_or(alone))
            .epsilon(self.epsilon)
            .passes(self.passes)
            .seconds(self.seconds)
            .threads(self.threads.threads)
            .seed(advanced.seed)
            .max_memory(advanced.max_memory)
            .block(
                defaults
                    .block
                    .batch(advanced.batch)
                    .approximate_passes(advanced.approximate_passes)
                    .planes(advanced.planes)
                    .acceleration(!advanced.no_acceleration),
            )
    }

    /// The task's options, from the same command line.
    pub fn options(&self, entry: &Entry, matches: &ArgMatches) -> Options {
        self.numbers.options(entry, matches)
    }
}

/// How many threads.
#[derive(Debug, Args)]
pub struct Threads {
    /// Number of threads; 0 uses all cores. The result is the same.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads)]
    pub threads: usize,
}

/// What is printed.
#[derive(Debug, Args)]
pub struct Talk {
    /// How much to print on standard error: 0 errors, 1 summary and progress, 2 every pass, 3 also
    /// settings.
    #[arg(short = 'v', value_name = "0..3", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=3), help_heading = "Output")]
    pub verbosity: u8,
    /// Print the result as one JSON object on standard output.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Reads the arguments of a subcommand.
pub fn parse<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, clap::Error> {
    A::from_arg_matches(matches)
}

/// The solvers by name.
fn solver() -> impl TypedValueParser<Value = Solver> {
    let named =
        |name: String| Solver::all().find(|solver| solver.name() == name).unwrap_or_default();
    PossibleValuesParser::new(Solver::all().map(Solver::name)).map(named)
}

/// The choices of C by name.
fn choice() -> impl TypedValueParser<Value = Choice> {
    PossibleValuesParser::new(["best", "one-se"]).map(|name| match &*name {
        "one-se" => Choice::OneStandardError,
        _ => Choice::Best,
    })
}

/// `0.1` is one number; `0.01..100` and `0.01..100x10` are numbers by a factor, 10 unless it is
/// given.
fn grid(text: &str) -> Result<Grid, String> {
    /// More values than anyone means to try.
    const MOST: usize = 100;
    let Some((from, rest)) = text.split_once("..") else { return Ok(Grid(vec![positive(text)?])) };
    let (to, factor) = rest.split_once('x').unwrap_or((rest, "10"));
    let values = match (positive(from), positive(to), positive(factor)) {
        (Ok(from), Ok(to), Ok(factor)) => validation::grid(from, to, factor, MOST),
        _ => None,
    };
    values.map(Grid).ok_or_else(|| {
        format!(
            "expected a grid such as 0.01..100 or 1..9x3: the smallest value, the largest, and a \
             factor above 1 (10 unless it is given), with at most {MOST} values"
        )
    })
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |value| value > 0.0, "a number above 0")
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |value| value >= 0.0, "a number of at least 0")
}

fn number(text: &str, fits: fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|&value: &f64| value.is_finite() && fits(value));
    value.ok_or_else(|| format!("expected {expected}"))
}

fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&value| value >= LEAST)
        .ok_or_else(|| format!("expected a whole number of at least {LEAST}"))
}

/// `30s` is a time, `5` a number of exact passes.
fn every(text: &str) -> Result<Every, String> {
    let every = match text.strip_suffix('s') {
        Some(seconds) => positive(seconds).ok().map(Every::Seconds),
        None => at_least::<1>(text).ok().map(Every::Passes),
    };
    every
        .ok_or_else(|| "expected seconds as in 30s, or a number of exact passes as in 5".to_owned())
}

/// Parses a number of bytes; units are powers of 1000 or 1024.
fn memory(text: &str) -> Result<usize, String> {
    let refuse = || "expected a size such as 500MB, 2GB or 1GiB".to_owned();
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(refuse()),
    };
    let number: f64 = number.parse().map_err(|_| refuse())?;
    let bytes = number * factor;
    // The value is capped at 9·10¹⁵, about 2^53: larger bounds mean no bound.
    if bytes >= 1.0 { Ok(bytes.min(9e15) as usize) } else { Err(refuse()) }
}

/// More threads than any machine has cores would only waste memory.
fn threads(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&value| value <= 1024)
        .ok_or_else(|| "expected a whole number of at most 1024".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let table = [
            ("1", Some(1)),
            ("500MB", Some(500_000_000)),
            ("2 gb", Some(2_000_000_000)),
            ("1.5GiB", Some(1_610_612_736)),
            ("64k", Some(64_000)),
            ("9e9", None),
            ("", None),
            ("MB", None),
            ("-1MB", None),
            ("0", None),
            ("1.2.3MB", None),
            ("infMB", None),
        ];
        for (text, bytes) in table {
            assert_eq!(memory(text).ok(), bytes, "{text}");
        }
    }

    const LENGTH: OptionSpec =
        OptionSpec { name: "length", value: "N", help: "How long. Default: 1." };
    const LOUD: OptionSpec =
        OptionSpec { name: "loud", value: "", help: "Shouts. Default: speaks." };
    const COLOUR: OptionSpec =
        OptionSpec { name: "colour", value: "C", help: "Which colour. Default: none." };
    const OTHER_COLOUR: OptionSpec = OptionSpec { help: "The same in other words.", ..COLOUR };
    const TABLE: [Entry; 3] = {
        let none = Entry::of::<crosscut_multiclass::MulticlassFiles>();
        [
            Entry {
                name: "a",
                options: &[LENGTH, LOUD],
                reading: &[COLOUR],
                writing: &[LOUD],
                objectives: &[],
                ..none
            },
            Entry {
                name: "b",
                options: &[],
                reading: &[LENGTH, OTHER_COLOUR],
                writing: &[],
                objectives: &[],
                ..none
            },
            Entry { name: "c", options: &[], reading: &[], writing: &[], objectives: &[], ..none },
        ]
    };

    fn of(tasks: &[Entry]) -> Program<'_> {
        Program { name: "crosscut", tasks, others: &[], about_others: "" }
    }

    /// Parses a command line and returns the arguments of its innermost subcommand.
    fn matches(line: &str) -> Result<ArgMatches, clap::Error> {
        let mut matches = program(&of(&TABLE)).try_get_matches_from(line.split(' '))?;
        while let Some((_, inner)) = matches.remove_subcommand() {
            matches = inner;
        }
        Ok(matches)
    }

    fn set(options: &[(&str, &str)]) -> Options {
        let mut all = Options::default();
        options.iter().for_each(|&(name, value)| all.set(name, value));
        all
    }

    #[test]
    fn the_table_of_flags_is_consistent() {
        program(&of(&[])).debug_assert();
        program(&of(&TABLE)).debug_assert();
    }

    #[test]
    fn options_and_switches_of_a_task_are_taken_where_it_is_trained() {
        let table = [
            ("crosscut learn a x m", set(&[])),
            ("crosscut learn a --loud x m", set(&[("loud", "")])),
            ("crosscut learn a --length 3 --loud x m", set(&[("length", "3"), ("loud", "")])),
            ("crosscut validate a --loud --length=-3 x", set(&[("length", "-3"), ("loud", "")])),
        ];
        for (line, expected) in table {
            let matches = matches(line).unwrap();
            let training = parse::<Training>(&matches).unwrap();
            assert_eq!(training.options(&TABLE[0], &matches), expected, "{line}");
        }
        for line in [
            "learn a --loud=1 x m",
            "learn a --loud --loud x m",
            "learn a --colour 1 x m",
            "learn b --loud x m",
        ] {
            assert!(matches(&format!("crosscut {line}")).is_err(), "{line}");
        }
    }

    #[test]
    fn options_beside_a_model_are_those_of_its_task() {
        // A command line, and either the options it gives for the model's task or the name of one
        // that the task does not have.
        let table = [
            ("classify x m p", "c", Ok(set(&[]))),
            (
                "classify --loud --colour red x m p",
                "a",
                Ok(set(&[("loud", ""), ("colour", "red")])),
            ),
            ("classify --colour red x m p", "b", Ok(set(&[("colour", "red")]))),
            ("classify --colour red x m p", "c", Err("colour")),
            ("classify --loud x m p", "b", Err("loud")),
            ("classify --length 2 x m p", "a", Err("length")),
            ("evaluate --length 2 x m", "b", Ok(set(&[("length", "2")]))),
            ("evaluate --length 2 x m", "a", Err("length")),
        ];
        for (line, task, expected) in table {
            let matches = matches(&format!("crosscut {line}")).unwrap();
            let reading = if line.starts_with("classify") { classifying } else { evaluating };
            let entry = TABLE.iter().find(|entry| entry.name == task).unwrap();
            assert_eq!(
                beside_model(&TABLE, entry, reading, &matches),
                expected,
                "{line}, model of {task}"
            );
        }
        // Options for writing are not options of `evaluate`.
        assert!(matches("crosscut evaluate --loud x m").is_err());
    }

    #[test]
    fn an_option_of_two_tasks_appears_once_and_says_whose_it_is() {
        let help = matches("crosscut classify --help").unwrap_err().to_string();
        assert_eq!(help.matches("--colour").count(), 1, "{help}");
        for words in [
            "--colour <C>",
            "(a, b) Which colour",
            "--loud  ",
            "(a) Shouts",
            "--length <N>",
            "(b) How long",
        ] {
            assert!(help.contains(words), "{words} in {help}");
        }
    }
}
