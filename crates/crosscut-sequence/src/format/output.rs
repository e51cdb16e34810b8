//! [`Output`]: what is written for a sequence.

use std::io;

use crosscut_app::Shortest;

use super::columns;
use super::kind::Kind;
use crate::lattice::Scratch;
use crate::tags::{Tags, Tokens};
use crate::task::Sequence;

/// What is written for a sequence beside its best tags.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Output {
    /// So many taggings, each with its score; 0 for the best one without.
    pub n_best: usize,
    /// The margin of each token.
    pub max_marginals: bool,
    /// The probability of each tag, and of each of the N best taggings instead of its score.
    pub probabilities: bool,
}

impl Output {
    /// Writes the prediction for a sequence.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        self,
        kind: &Kind,
        task: &Sequence,
        w: &[f64],
        (x, y_hat): (&Tokens, &Tags),
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut scratch = Scratch::default();
        if self.probabilities {
            task.expect(w, x, &mut scratch);
        }
        let of_tags = |tags: &Tags, scratch: &Scratch| -> Vec<f64> {
            if !self.probabilities {
                return Vec::new();
            }
            let rows = scratch.marginals().chunks_exact(task.tags().len());
            rows.zip(tags.as_slice()).map(|(row, tag)| row[tag.index()]).collect()
        };
        if self.n_best > 0 {
            for (rank, (score, tags)) in
                task.n_best(w, x, self.n_best, &mut scratch).iter().enumerate()
            {
                let probability = || task.log_probability_after(w, x, tags, &scratch).exp();
                let number = if self.probabilities { probability() } else { *score };
                writeln!(out, "# {rank} {}", Shortest(number))?;
                self.write_tokens(kind, task, x, tags, &of_tags(tags, &scratch), out)?;
                writeln!(out)?;
            }
            return Ok(());
        }
        let numbers = match self.max_marginals {
            true => task.max_marginals(w, x, &mut scratch),
            false => of_tags(y_hat, &scratch),
        };
        self.write_tokens(kind, task, x, y_hat, &numbers, out)?;
        if kind.has_ids() { Ok(()) } else { writeln!(out) }
    }

    /// A line for each token, with one of the `numbers`, if there are any.
    fn write_tokens(
        self,
        kind: &Kind,
        task: &Sequence,
        x: &Tokens,
        tags: &Tags,
        numbers: &[f64],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let columns = kind.columns();
        if let (Some(columns), Some(text)) = (columns, x.text())
            && let Some((conllu, column)) = columns.conllu()
        {
            let tags = (0..tags.len()).map(|token| task.name(tags, token));
            let name = if self.probabilities { "Probability" } else { "MaxMargin" };
            return conllu.write(text, column, tags, (name, numbers), out);
        }
        let text = x.text().filter(|_| columns.is_some());
        let mut lines = text.into_iter().flat_map(|text| text.split('\n'));
        for token in 0..tags.len() {
            let mut separator = '\t';
            if let Some(line) = lines.next() {
                separator = columns::separator(line);
                write!(out, "{line}{separator}")?;
            }
            write!(out, "{}", task.name(tags, token))?;
            if let Some(number) = numbers.get(token) {
                write!(out, "{separator}{}", Shortest(*number))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
