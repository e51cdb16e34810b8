//! [`Ranks`]: the program on several processes that train together.

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use crosscut_app::ranks::Collective;

use crate::commands::{self, Failure};
use crate::{Program, flags};

/// The processes (ranks) on which a program runs.
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'r> {
    /// The ranks.
    pub collective: &'r dyn Collective,
    /// Number of threads of this rank if the user does not give one.
    pub threads: usize,
    /// The program for one machine, which has the other verbs.
    pub alone: &'r str,
}

impl Ranks<'_> {
    /// Whether this rank speaks and writes files.
    pub(crate) fn is_root(&self) -> bool {
        self.collective.rank() == 0
    }

    /// The number of threads, given the flag `--threads`.
    pub(crate) fn threads(&self, flag: usize) -> usize {
        if flag > 0 { flag } else { self.threads.max(1) }
    }
}

/// The program on ranks: `learn` and `tasks`. The other verbs are known, so that [`dispatch`] can
/// say where they run.
pub(crate) fn command(program: &Program<'_>) -> Command {
    let name = program.name;
    let mut command = flags::program(program).about(
        "Structural SVMs: train one model on several machines. Start it with mpirun (or mpiexec, \
         srun): each process is a rank and trains on a part of the examples",
    );
    let verbs: Vec<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        command = command.mut_subcommand(&verb, |verb| match verb.get_name() {
            "learn" => learn(name, verb),
            "tasks" => verb,
            other => elsewhere(other.to_owned()),
        });
    }
    command
}

/// The help of arguments that mean something else on ranks.
const THREADS: &str = "Number of threads of each rank; 0 shares the cores that the launcher gives \
    a rank among the ranks that have the same cores. The result is the same.";
const MAX_MEMORY: &str = "Each rank uses at most SIZE (500MB, 2GB) of memory for planes, besides \
    examples and weights. With less, training takes longer and its certificate is as good \
    [default: no bound].";
const RESUME: &str = "Continue from the checkpoint FILE with the same data, options and number of \
    ranks, and reach the same model bit for bit. Only --threads, --passes and --seconds may differ. \
    Only the root reads FILE. Later states are saved there, unless --checkpoint names another.";
const EXAMPLES: &str = "Training examples. Each rank reads a part of the file. If the path \
    contains {rank}, each rank reads a file of its own: the number of the rank, from 0, takes the \
    place of {rank}. gzip, bzip2 and xz are unpacked.";

/// `learn` with the help of ranks.
fn learn(name: &str, mut learn: Command) -> Command {
    let tasks: Vec<String> =
        learn.get_subcommands().map(|task| task.get_name().to_owned()).collect();
    let example = |task: &str| {
        format!("Example:\n  mpirun -n 4 {name} learn {task} --c-sum 0.1 train.txt my.model")
    };
    if let Some(first) = tasks.first() {
        learn = learn.after_help(format!(
            "Each task has options of its own, which --help after its name lists.\n\n{}",
            example(first)
        ));
    }
    for task in tasks {
        learn = learn.mut_subcommand(&task, |command| {
            // Not `mut_arg`, which changes the order of arguments.
            command.after_help(example(&task)).mut_args(|argument| {
                match argument.get_id().as_str() {
                    "stream" => argument.hide(true),
                    "threads" => argument.help(THREADS),
                    "max_memory" => argument.help(MAX_MEMORY),
                    "resume" => argument.help(RESUME),
                    "examples" => argument.help(EXAMPLES),
                    _ => argument,
                }
            })
        });
    }
    learn
}

/// A verb that runs on one machine, with any words.
fn elsewhere(verb: String) -> Command {
    let words = Arg::new("words").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    Command::new(verb).hide(true).disable_help_flag(true).arg(words)
}

/// Runs the subcommand that was given.
pub(crate) fn dispatch(
    program: &Program<'_>,
    matches: &ArgMatches,
    arguments: &[OsString],
    ranks: &Ranks<'_>,
) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("learn", task)) => {
            let prints = task.subcommand().is_some_and(|(_, matches)| {
                matches.try_contains_id("print-template").is_ok_and(|given| given)
            });
            if prints && !ranks.is_root() {
                return Ok(());
            }
        }
        Some(("tasks", _)) if !ranks.is_root() => return Ok(()),
        Some(("tasks", _)) | None => {}
        Some((verb, _)) => {
            let alone = ranks.alone;
            return Err(Failure::usage(format!(
                "{verb} runs on one machine: use `{alone} {verb}`"
            )));
        }
    }
    commands::dispatch(program, matches, arguments, Some(ranks))
}

/// Refuses flags and files of `learn` that ranks cannot use.
pub(crate) fn check(flags: &flags::Learn, inputs: &[(&str, Option<&Path>)]) -> Result<(), Failure> {
    if flags.stream {
        return Err(Failure::usage("--stream works on one machine: give more ranks instead"));
    }
    let is_standard = |(_, path): &&(&str, Option<&Path>)| *path == Some(Path::new("-"));
    match inputs.iter().find(is_standard) {
        Some((name, _)) => Err(Failure::usage(format!(
            "{name} cannot be standard input, which only one rank has: name a file"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crosscut_app::ranks::{Collective, Local, Threads};
    use crosscut_multiclass::ENTRY;
    use crosscut_sequence as sequence;

    use super::*;

    fn program() -> Program<'static> {
        const TASKS: &[crosscut_app::Entry] = &[ENTRY, sequence::ENTRY];
        Program { name: "crosscut-mpi", tasks: TASKS, others: &[crate::NEW], about_others: "" }
    }

    /// The failure of a command line on one rank.
    fn failure(words: &str, collective: &dyn Collective) -> Option<Failure> {
        let arguments: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let ranks = Ranks { collective, threads: 1, alone: "crosscut" };
        let matches = command(&program()).try_get_matches_from(&arguments);
        let matches = matches.map_err(Failure::from);
        matches.and_then(|matches| dispatch(&program(), &matches, &arguments, &ranks)).err()
    }

    #[test]
    fn the_flags_are_consistent() {
        command(&program()).debug_assert();
    }

    #[test]
    fn what_ranks_cannot_do_is_refused_before_they_wait_for_each_other() {
        for (words, expected) in [
            ("validate", "validate runs on one machine: use `crosscut validate`"),
            ("evaluate -x --help a b", "evaluate runs on one machine: use `crosscut evaluate`"),
            ("new folder", "new runs on one machine: use `crosscut new`"),
            ("learn multiclass --stream a b", "--stream works on one machine"),
            ("learn multiclass - b", "EXAMPLES cannot be standard input"),
            ("learn multiclass --prior - a b", "--prior cannot be standard input"),
            ("learn multiclass --every 5 a b", "--every needs --checkpoint"),
            ("learn multiclass --json a -", "MODEL and --json cannot all use standard output"),
            ("learn multiclass --no-such-flag a b", "unexpected argument '--no-such-flag'"),
            ("lern multiclass a b", "unrecognized subcommand 'lern'"),
        ] {
            let words = format!("crosscut-mpi {words}");
            for failures in
                [vec![failure(&words, &Local)], Threads::run(2, |ranks| failure(&words, ranks))]
            {
                for failure in failures {
                    let Failure { message, code, others_wait } = failure.unwrap();
                    assert!(message.contains(expected), "{words}: {message}");
                    assert_eq!((code, others_wait), (2, false), "{words}");
                }
            }
        }
    }

    #[test]
    fn help_names_what_there_is() {
        let help = |words: &str| {
            let words = format!("crosscut-mpi {words}");
            let error = command(&program()).try_get_matches_from(words.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 0);
            // Lines are broken at the width of the terminal.
            error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let all = help("--help");
        assert!(all.contains("learn") && all.contains("tasks"), "{all}");
        assert!(!all.contains("validate") && !all.contains("classify"), "{all}");
        let learn = help("learn multiclass --help");
        assert!(learn.contains("mpirun -n 4 crosscut-mpi learn multiclass"), "{learn}");
        assert!(learn.contains("{rank}") && !learn.contains("--stream"), "{learn}");
        assert!(learn.contains("threads of each rank"), "{learn}");
        assert!(learn.contains("Each rank uses at most SIZE"), "{learn}");
        assert!(learn.contains("number of ranks, and reach"), "{learn}");
        assert!(learn.contains("[OPTIONS] <EXAMPLES> <MODEL>"), "{learn}");
    }

    #[test]
    fn threads_are_shared_unless_they_are_given() {
        let ranks = |threads| Ranks { collective: &Local, threads, alone: "crosscut" };
        assert_eq!((ranks(4).threads(0), ranks(4).threads(2), ranks(0).threads(0)), (4, 2, 1));
    }
}
