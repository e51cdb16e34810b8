//! `--page`: the race as a page of Markdown, with the machine and the day.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Where and when.
#[derive(Clone, Debug)]
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

    /// A paragraph and a list.
    fn markdown(&self) -> String {
        let Self { command, programs, .. } = self;
        let mut text = format!(
            "```text\ncargo run --release -p crosscut-benches --bin race -- {command}\n```\n\n"
        );
        text += &format!("{}.\n\n", self.occasion());
        for (name, version) in programs {
            let version = version.as_deref().unwrap_or("missing on this machine");
            text += &format!("* {name}: {version}\n");
        }
        text
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

Crosscut beside what one would use instead, on the same files, in turn, in one run. This page is made by the program that races:

";

/// Heading of [`HOW`].
const HOW_HEADING: &str = "How to read the tables";

const HOW: &str = "\
* Every figure is of a whole process, from file to model, the median of the rounds. User seconds are those of all threads together.
* P(w) is computed by this program from the weights in the model of each program, on the same problem, with Crosscut's oracles; no
  program is asked how good it is. *Off by at most* is (P(w) − D) / D with the tightest lower bound D that a run of Crosscut certified here.
* *Crosscut so far in* is when Crosscut had weights as good as those of the peer: wall seconds from the start of its process, from
  its log. It knows P(w) only when it makes a certificate, so this is late rather than early.
* `user ×` and `wall ×` are ratios to the first row of the table: the median over rounds of the ratio in the round.
* Programs that do not solve the problem of the task (CRFsuite but for `crf`, XGBoost, LightGBM) have test measures only.
* In `crf` all programs read the same file. CRFsuite has by default only the weights of pairs of a feature and a tag, and of pairs of
  tags, that occur in the training data. The others count as 0 in P(w), so its own optimum is above P\\*. With
  `feature.possible_states=1 feature.possible_transitions=1` it solves the problem of Crosscut.
  There the table *prediction* is of `crosscut classify` and `crfsuite tag` on the test examples, with the model of the row.
* A section that names its own day and commit was made later than the rest, by `--renew`.
* A peak below that of the program which starts the others, some megabytes, cannot be seen.
";

/// A heading and the Markdown below it.
pub type Section = (String, String);

/// The whole page: sections are a heading, words and tables.
pub fn page(setting: &Setting, sections: &[Section]) -> String {
    let mut all = vec![(HOW_HEADING.to_owned(), HOW.to_owned())];
    all.extend_from_slice(sections);
    joined(&(HEAD.to_owned() + &setting.markdown()), &all)
}

/// A page in which `sections`, which are of tasks, replace the ones with their headings. New ones
/// follow the last of the other `tasks`. Each says when and where it was made. The rest of the page
/// stays, except for the words on how to read it.
pub fn renewed(page: &str, setting: &Setting, sections: &[Section], tasks: &[&str]) -> String {
    let mut parts = page.split("\n## ");
    let head = parts.next().unwrap_or_default();
    let mut all: Vec<Section> = parts
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .map(|(heading, body)| (heading.to_owned(), body.trim().to_owned()))
        .collect();
    let how = (HOW_HEADING.to_owned(), HOW.to_owned());
    let of_sections = sections.iter().map(|(heading, body)| {
        (heading.clone(), format!("{}\n\n{}", setting.of_section(), body.trim()))
    });
    for (heading, body) in std::iter::once(how).chain(of_sections) {
        let last = all.iter().rposition(|(known, _)| tasks.contains(&known.as_str()));
        match all.iter().position(|(known, _)| *known == heading) {
            Some(at) => all[at].1 = body,
            None => all.insert(last.map_or(all.len(), |last| last + 1), (heading, body)),
        }
    }
    joined(head, &all)
}

fn joined(head: &str, sections: &[Section]) -> String {
    let mut text = format!("{}\n", head.trim_end());
    for (heading, body) in sections {
        text += &format!("\n## {heading}\n\n{}\n", body.trim_end());
    }
    text
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
        let text = page(&setting, &[("news".to_owned(), "| a |\n".to_owned())]);
        for part in [
            "race -- --all --rounds 2\n",
            "Fast One",
            "* A: 1.0\n",
            "* B: missing on this machine\n",
            "\n## news\n\n| a |\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_section_is_renewed_and_the_others_stay() {
        let section = |heading: &str, body: &str| (heading.to_owned(), body.to_owned());
        let setting = |command: &str| Setting::look(command.to_owned(), Vec::new());
        let old = [section("news", "old news"), section("letter", "l"), section("Growth", "g")];
        let old = page(&setting("--all"), &old);
        let new = [section("news", "new news"), section("crf", "c")];
        let text = renewed(&old, &setting("news crf"), &new, &["news", "letter", "crf"]);
        let headings: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, [HOW_HEADING, "news", "letter", "crf", "Growth"]);
        assert!(text.contains("race -- --all\n") && !text.contains("old news"), "{text}");
        assert!(
            text.contains("by `race -- news crf`") && text.contains("\n\nnew news\n"),
            "{text}"
        );
        // A page renewed with nothing is the same page.
        assert_eq!(renewed(&old, &setting(""), &[], &["news"]), old);
    }
}
