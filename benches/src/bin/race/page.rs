//! `--page`: the race as a page of Markdown, with the machine and the day.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::record::{Raced, Record};
use crate::summary;

/// Where and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// What was typed after `race --`, with folders as words.
    command: String,
    /// The processor.
    processor: String,
    /// How many cores this program may use.
    cores: usize,
    /// The system.
    system: String,
    /// The day, `YYYY-MM-DD`.
    day: String,
    /// The commit.
    commit: String,
    /// Each program that runs with its version, and those that are missing.
    programs: Vec<(String, Option<String>)>,
}

impl Setting {
    /// Looks around.
    pub fn look(command: String, programs: Vec<(String, Option<String>)>) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            command,
            processor: processor(&cpuinfo).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS.to_owned(),
            day: day(since / 86_400),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            programs,
        }
    }

    /// Day, commit and machine.
    fn occasion(&self) -> String {
        let Self { processor, cores, system, day, commit, .. } = self;
        format!("Measured on {day} at commit {commit} on {processor}, {cores} cores, {system}")
    }

    /// The same for one section of a page, with the command and the programs that were found.
    fn of_section(&self) -> String {
        let found = self.programs.iter().filter_map(|(name, version)| {
            version.as_ref().map(|version| format!("{name} {version}"))
        });
        let found: Vec<String> = found.collect();
        format!("{}, by `race -- {}` ({}).", self.occasion(), self.command, found.join(", "))
    }

    /// The programs with their versions, a line each.
    fn programs(&self) -> String {
        let line = |(name, version): &(String, Option<String>)| {
            let version = version.as_deref().unwrap_or("missing on this machine");
            format!("* {name}: {version}\n")
        };
        self.programs.iter().map(line).collect()
    }

    /// The same for JSON.
    pub fn to_json(&self) -> Value {
        let Self { command, processor, cores, system, day, commit, programs } = self;
        json!({ "command": command, "processor": processor, "cores": cores, "system": system, "day": day, "commit": commit, "programs": programs })
    }
}

/// The name of the processor in the text of Linux.
fn processor(cpuinfo: &str) -> Option<String> {
    let name = cpuinfo.lines().find(|line| line.starts_with("model name"))?.split_once(':')?.1;
    Some(name.trim().to_owned())
}

/// The commit, with a `+` if something is changed.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(format!("{}{}", git(&["rev-parse", "--short", "HEAD"])?, if changed { "+" } else { "" }))
}

/// The date of a day after 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn day(days: u64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (
        of_year - (153 * shifted + 2) / 5 + 1,
        if shifted < 10 { shifted + 3 } else { shifted - 9 },
    );
    format!("{}-{month:02}-{day:02}", year + 400 * era + u64::from(month <= 2))
}

const HEAD: &str = "\
# The race

How long Crosscut takes to learn, and how much memory, beside programs that people use for the same
data. All read the same files and run one after the other on the same machine.
";

const SAME: &str = "\
These programs minimise the same P(w) as Crosscut, so their weights can be compared. *Above P\\**
says how far from the optimum a program stopped: at most this fraction. *Crosscut as good after* is
the time after which Crosscut had weights with a P(w) as low. *Times as long* is the time of the
program divided by that of Crosscut; below 1, Crosscut is slower.
";

const OTHER: &str = "\
These programs minimise something else (boosted trees, another loss, a perceptron), so only the
measures on the test examples can be compared. Crosscut ran with the setting of the first row of its
table below.
";

const BEHIND: &str = "\
Every case in the tables below in which a program is faster than Crosscut, takes less memory, or has
a better first measure on the test examples. Memory and measures are beside those of Crosscut's
first row, time is as in the two tables above.
";

const HOW: &str = "\
* Every figure is of a whole process, from the file to the model, and the median of the rounds. User
  seconds are those of all threads together. `user ×` and `wall ×` are ratios to the first row of
  the table: the median over rounds of the ratio in the round.
* P(w) is computed by the program that races, from the weights in the model of each program, with
  Crosscut's oracles. No program is asked how good it is. *Above P\\* by at most* is (P(w) − D) / D,
  where D is the highest lower bound on the optimum P\\* that a run of Crosscut certified.
* *Crosscut as good after* counts wall seconds from the start of the process. Crosscut knows P(w)
  only when it makes a certificate, so the figure is late rather than early.
* CRFsuite's default has weights only for pairs of an attribute and a tag, and of two tags, that
  occur in the training data. The other weights count as 0 in P(w), so its own optimum is above
  P\\*. With `feature.possible_states=1 feature.possible_transitions=1` it solves the problem that
  Crosscut solves.
* A section that names its own day and commit was measured later than the rest.
* Peak memory below that of the program that starts the others, some megabytes, cannot be seen.
";

const AGAIN: &str = "\
Programs and files that are missing are named, and the race goes on without them. Without options
the race is on the shipped data. `datasets/README.md` says where the other files come from. The
figures are kept in `race.json` beside this page, and `--render` writes the page again from them.
";

/// The whole page.
pub fn page(record: &Record) -> String {
    let Record { setting, tasks, parts } = record;
    let mut text = format!("{HEAD}\n{}.\n", setting.occasion());
    let mut section = |heading: &str, body: &str| {
        text += &format!("\n## {heading}\n\n{}\n", body.trim_end());
    };
    let (same, other) = (summary::same_problem(record), summary::other_problems(record));
    if !same.is_empty() {
        section("Programs that solve the same problem", &format!("{SAME}\n{}", same.markdown()));
    }
    if !other.is_empty() {
        section("Programs that learn something else", &format!("{OTHER}\n{}", other.markdown()));
    }
    let behind = summary::behind(record);
    if !behind.is_empty() {
        section("Where Crosscut is behind", &format!("{BEHIND}\n{}", behind.markdown()));
    }
    section("How to read the tables", HOW);
    for raced in tasks {
        let mut rest = raced.title().chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        let heading: String = first.into_iter().chain(rest).collect();
        section(&heading, &of_task(raced));
    }
    for part in parts {
        section(&part.heading, &format!("{}\n{}", wrapped(&part.words), part.table.markdown()));
    }
    let command = format!(
        "```text\ncargo run --release -p crosscut-benches --bin race -- {}\n```",
        setting.command
    );
    section("How to run it again", &format!("{command}\n\n{AGAIN}\n{}", setting.programs()));
    text
}

/// The section of a task.
fn of_task(raced: &Raced) -> String {
    let Raced { name, about, bound, setting, table, notes, predictions, plot } = raced;
    let mut text = format!("`{name}`: {about}");
    if !bound.is_empty() {
        text += &format!("; P\\* ≥ {bound}");
    }
    text = wrapped(&format!("{text}."));
    if let Some(setting) = setting {
        text += &format!("\n{}", wrapped(&setting.of_section()));
    }
    if !table.is_empty() {
        text += &format!("\n{}", table.markdown());
    }
    for note in notes {
        text += &format!("\n{note}\n");
    }
    if let Some(predictions) = predictions {
        text += &format!(
            "\nPrediction of the test examples with the model of each row:\n\n{}",
            predictions.markdown()
        );
    }
    if let Some(plot) = plot {
        text += &format!("\n![distance from the optimum against seconds]({plot})\n");
    }
    text
}

/// A paragraph in lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let (mut lines, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let separator = match width {
            0 => "",
            width if width + 1 + length > 100 => "\n",
            _ => " ",
        };
        width = if separator == " " { width + 1 + length } else { length };
        lines += separator;
        lines += word;
    }
    lines + "\n"
}

/// Writes a file, with its folder.
///
/// # Errors
/// What cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), crate::error::RaceError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(crate::error::RaceError::at(folder))?;
    }
    fs::write(path, text).map_err(crate::error::RaceError::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        let table =
            [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_782, "2026-11-25")];
        for (days, expected) in table {
            assert_eq!(day(days), expected);
        }
    }

    #[test]
    fn a_page_names_the_machine_and_who_is_missing() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast One\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("Fast One"));
        let programs = vec![("A".to_owned(), Some("1.0".to_owned())), ("B".to_owned(), None)];
        let setting = Setting {
            processor: "Fast One".to_owned(),
            ..Setting::look("--all --rounds 2".to_owned(), programs)
        };
        let missing = Raced::missing(&crate::tasks::TASKS[0], "news.train.svm");
        let text = page(&Record { setting, tasks: vec![missing], parts: Vec::new() });
        assert_eq!(wrapped("a b"), "a b\n");
        assert_eq!(wrapped(&"é ".repeat(51)), format!("{}é\né\n", "é ".repeat(49)));
        for part in [
            "race -- --all --rounds 2\n",
            "Fast One",
            "* A: 1.0\n",
            "* B: missing on this machine\n",
            "\n## 20 Newsgroups, tf-idf\n\n`news`: 20 Newsgroups",
            "`news.train.svm` is missing.\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
