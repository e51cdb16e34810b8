//! The queries of a file, document by document.

use std::collections::HashSet;
use std::path::Path;
use std::vec;

use crosscut::{Feature, SparseRows};
use crosscut_app::table::{Row, Rows};
use crosscut_app::{Error, Source, Take};
use crosscut_data::svmlight::{Line, Qid};

use super::RankingFiles;
use super::sizes::{self, Sizes, explain};
use crate::discount::HIGHEST;
use crate::query::{Names, Query};
use crate::task::Loss;

/// A query as it stands in the file.
pub struct Record {
    /// Features with ids as in the file.
    pub(super) rows: SparseRows,
    /// What rounding took from their values; no rows if it is not kept.
    pub(super) rests: SparseRows,
    /// The rows, in place of `rows`, once they have been surveyed: most of them take half the memory
    /// as dense rows.
    pub(super) surveyed: Option<Query>,
    /// Empty if the documents have none.
    pub(super) grades: Vec<f64>,
    /// Empty if all of them are 1.
    pub(super) costs: Vec<f64>,
    pub(super) names: Option<Names>,
    pub(super) has_qid: bool,
    pub(super) weight: f64,
}

/// A line of the file.
struct Document {
    grade: Option<f64>,
    qid: Option<Qid>,
    cost: f64,
    features: Vec<Feature>,
    rest: Vec<Feature>,
    name: Option<Box<str>>,
}

/// Where queries end.
enum Division {
    /// With the first document of the next one; `last` is the qid of the document before in this
    /// piece of the file.
    Qids { last: Option<Qid>, seen: HashSet<Qid> },
    /// After as many documents as the sizes say: `left` more belong to the query.
    Sizes { sizes: vec::IntoIter<usize>, left: usize },
    /// With the file.
    None,
}

/// What has been read of the pieces of a file before.
#[derive(Default)]
struct Before {
    queries: usize,
    /// The qids of all queries, if they have any.
    qids: Option<HashSet<Qid>>,
}

impl RankingFiles {
    /// Passes the queries of a file, or of the rows of a table, to `take`. A file in which no line
    /// has a `qid:` is one query.
    ///
    /// # Errors
    /// Bad lines; queries that are not in one piece; sizes that do not add up to the number of
    /// documents; those of `take`.
    pub(super) fn queries(
        &self,
        source: &mut Source<'_>,
        rows: Option<&Rows<'_>>,
        take: Take<'_, Self>,
    ) -> Result<(), Error> {
        let run = &self.run;
        let file = source.name().to_owned();
        let beside = source.path().and_then(|examples| sizes::beside(&run.options, examples));
        let by_sizes = |sizes: &Sizes| Division::Sizes {
            sizes: sizes.documents().to_vec().into_iter(),
            left: 0,
        };
        let before: Before = source.inherit();
        let mut division = match (&run.sizes, before.qids) {
            (Some(sizes), _) => by_sizes(sizes),
            (None, Some(seen)) => Division::Qids { last: None, seen },
            (None, None) => Division::None,
        };
        // The sizes beside the file, read if the first document has no qid.
        let mut found = None;
        let mut names = HashSet::new();
        let (mut documents, mut queries) = (0, before.queries);
        // The query at hand, and its first line.
        let mut current: Option<(u64, Record)> = None;
        let (is_table, is_named) = (rows.is_some(), run.run_tag.is_some());
        let mut query_names = HashSet::new();
        let add = |number, document: Document| {
            let refuse = |message: String| Err(Error::line(file.as_str(), number, message));
            documents += 1;
            if let (1, None, Some(beside)) = (documents, &document.qid, &beside) {
                let sizes = Sizes::read(beside).map_err(explain)?;
                division = by_sizes(&sizes);
                found = Some(sizes);
            }
            let begins = match (&mut division, &document.qid) {
                (Division::Sizes { sizes, left }, None) => {
                    let begins = *left == 0;
                    if begins {
                        // Documents beyond the sizes are counted, and refused at the end.
                        *left = sizes.next().unwrap_or(usize::MAX);
                    }
                    *left -= 1;
                    begins
                }
                (Division::Sizes { .. }, Some(_)) if is_table => {
                    let message =
                        "expected queries from --group or from --group-column, found both";
                    return refuse(message.to_owned());
                }
                (Division::Sizes { .. }, Some(qid)) => {
                    let by = if found.is_none() { "--group" } else { "the file of sizes" };
                    return refuse(format!(
                        "expected no qid where {by} says what a query is, found qid:{qid}"
                    ));
                }
                (Division::None, None) => documents == 1,
                (Division::None, Some(qid)) if documents == 1 && before.queries == 0 => {
                    let seen = HashSet::from([qid.clone()]);
                    division = Division::Qids { last: Some(qid.clone()), seen };
                    true
                }
                (Division::None, Some(qid)) => {
                    return refuse(format!(
                        "expected no qid, as at the first document, found qid:{qid}"
                    ));
                }
                (Division::Qids { .. }, None) => {
                    return refuse(
                        "expected qid:N, the name of the query, as at the first document, found none"
                            .to_owned(),
                    );
                }
                (Division::Qids { last, .. }, Some(qid)) if last.as_ref() == Some(qid) => false,
                (Division::Qids { last, seen }, Some(qid)) => {
                    if !seen.insert(qid.clone()) {
                        return refuse(if is_table {
                            format!(
                                "expected the rows of query `{qid}` one after the other, but it returns: sort the table by its queries"
                            )
                        } else {
                            format!(
                                "expected the documents of qid:{qid} one after the other, but it returns"
                            )
                        });
                    }
                    *last = Some(qid.clone());
                    true
                }
            };
            if begins {
                queries += 1;
                names.clear();
                let names = is_named.then(|| {
                    let query = match &document.qid {
                        // Columns of TREC runs stand between spaces.
                        Some(qid) => qid.to_string().replace(char::is_whitespace, "_"),
                        None => queries.to_string(),
                    };
                    Names { query, documents: Vec::new() }
                });
                if let (true, Some(Names { query, .. })) = (is_table, &names)
                    && !query_names.insert(query.clone())
                {
                    return refuse(format!(
                        "expected queries of different names where _ stands for a space (for --ranks), found `{query}` again"
                    ));
                }
                let next = Record::new(names, document.qid.is_some());
                if let Some((line, query)) = current.replace((number, next)) {
                    take(line, query.finish())?;
                }
            }
            let Some((_, query)) = &mut current else { return Ok(()) };
            query.push(document, number, &mut names).or_else(refuse)
        };
        match rows {
            None => source.with_comments().scan_lines(|line| self.parse(line), add)?,
            Some(rows) => rows.scan(|row| self.row(row), add)?,
        }
        current.map_or(Ok(()), |(line, query)| take(line, query.finish()))?;
        run.sizes.as_ref().map_or(Ok(()), |sizes| sizes.check(documents, &file))?;
        if let Some(beside) = beside.as_deref().map(Path::display) {
            match &found {
                Some(sizes) => {
                    sizes.check(documents, &file).map_err(explain)?;
                    source.note(&format!("{file}: the sizes of its queries are in {beside}"));
                }
                None if documents > 0 && is_table => {
                    source.note(&format!("{file}: rows name their query, so {beside} is not read"));
                }
                None if documents > 0 => {
                    source.note(&format!("{file}: lines have a qid, so {beside} is not read"));
                }
                None => {}
            }
        }
        if matches!(division, Division::None) && documents > 1 && before.queries == 0 {
            let none = if is_table { "there is no --group-column" } else { "no line has a qid" };
            source.note(&format!("{file}: {none}, so its {documents} documents are one query"));
        }
        let qids = match division {
            Division::Qids { seen, .. } => Some(seen),
            Division::Sizes { .. } | Division::None => None,
        };
        source.leave(Before { queries, qids });
        Ok(())
    }

    /// A row of a table, whose group is the name of the query.
    fn row(&self, Row { line, group }: Row<'_>) -> Result<Option<Document>, String> {
        let qid = group.map(|group| Qid::Name(group.into()));
        Ok(Some(Document { qid, ..self.document(line)? }))
    }

    fn parse(&self, line: &str) -> Result<Option<Document>, String> {
        self.ids.parse_line(line)?.map(|line| self.document(line)).transpose()
    }

    fn document(&self, line: Line<'_>) -> Result<Document, String> {
        let Line { target, qid, cost, features, rest, comment, .. } = line;
        let grade = target.map(|target| self.grade(target)).transpose()?;
        if grade.is_none() && self.run.learns {
            return Err(self.table.as_ref().map_or_else(
                || "expected a grade to learn from, found none".to_owned(),
                |table| table.no_label(),
            ));
        }
        let counts_pairs =
            matches!(self.loss, Loss::SwappedPairs | Loss::SwappedFraction | Loss::RankOfRelevant);
        if self.run.learns && cost != 1.0 && !counts_pairs {
            return Err(format!(
                "expected no cost where the loss does not count pairs (-l 1, 2 and 8 do), found cost:{cost}"
            ));
        }
        let name = comment.filter(|_| self.run.run_tag.is_some()).and_then(name).map(Box::from);
        let rest = if self.run.learns || self.scale.is_some() { rest } else { Vec::new() };
        Ok(Document { grade, qid, cost, features, rest, name })
    }

    fn grade(&self, target: &str) -> Result<f64, String> {
        let grade = target.parse().ok().filter(|grade: &f64| grade.is_finite());
        let grade = grade
            .ok_or_else(|| format!("expected a grade that is a finite number, found `{target}`"))?;
        let gains = matches!(self.loss, Loss::Ndcg(_) | Loss::Dcg(_));
        if gains && !(0.0..=HIGHEST).contains(&grade) {
            return Err(format!(
                "expected a grade from 0 to {HIGHEST} for a gain of 2^grade − 1, found `{target}`"
            ));
        }
        Ok(grade)
    }
}

/// The name of a document in the comment of its line: its first word, in `docid = WORD` (LETOR) the
/// one after the sign.
fn name(comment: &str) -> Option<&str> {
    let after = comment.strip_prefix("docid").and_then(|rest| rest.trim_start().strip_prefix('='));
    after.unwrap_or(comment).split_whitespace().next()
}

impl Record {
    /// A query without documents.
    fn new(names: Option<Names>, has_qid: bool) -> Self {
        Self {
            rows: SparseRows::default(),
            rests: SparseRows::default(),
            surveyed: None,
            grades: Vec::new(),
            costs: Vec::new(),
            names,
            has_qid,
            weight: 1.0,
        }
    }

    /// Adds the document on line `number`. `seen` are the names of those before it, where it is to
    /// have one.
    fn push(
        &mut self,
        document: Document,
        number: u64,
        seen: &mut HashSet<Box<str>>,
    ) -> Result<(), String> {
        let Document { grade, cost, features, rest, name, .. } = document;
        match grade {
            Some(grade) if self.grades.len() == self.rows.len() => self.grades.push(grade),
            Some(grade) => {
                return Err(format!(
                    "expected no grade, as at the first document of the query, found {grade}"
                ));
            }
            None if self.grades.is_empty() => {}
            None => {
                return Err("expected a grade, as at the first document of the query, found none"
                    .to_owned());
            }
        }
        if cost != 1.0 && self.costs.is_empty() {
            self.costs = vec![1.0; self.rows.len()];
        }
        if cost != 1.0 || !self.costs.is_empty() {
            self.costs.push(cost);
        }
        if let Some(names) = &mut self.names {
            let name = name.unwrap_or_else(|| format!("d{number}").into());
            if !seen.insert(name.clone()) {
                return Err(format!(
                    "expected documents of different names after # in a query (for --ranks), found `{name}` again"
                ));
            }
            names.documents.push(name);
        }
        self.rests.push(&rest).map_err(|error| error.to_string())?;
        self.rows.push(&features).map_err(|error| error.to_string())
    }

    /// The same query, without memory that is not used.
    fn finish(mut self) -> Self {
        let Self { rows, rests, grades, costs, names, .. } = &mut self;
        rows.shrink_to_fit();
        rests.shrink_to_fit();
        grades.shrink_to_fit();
        costs.shrink_to_fit();
        names.iter_mut().for_each(|names| names.documents.shrink_to_fit());
        self
    }
}
