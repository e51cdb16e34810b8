//! Sequence tagging for [`crosscut`]: max-margin Markov chains (Altun, Tsochantaridis, Hofmann
//! 2003; Taskar, Guestrin, Koller 2003), with the feature map of SVM^hmm.
//!
//! | | |
//! |---|---|
//! | x | [`Tokens`]: a sparse row of features for each of n tokens |
//! | y | [`Tags`]: one of k tags for each token |
//! | Ψ(x, y) | the row of each token in the weights of its tag; with emissions of order 1, or for features of pairs of tags, also in the weights of its tag and the one before; the number of times that tags follow each other, by pairs and up to tuples of t + 1 for transitions of order t |
//! | Δ(y, ŷ) | the number of wrong tags, or their fraction, or zero/one for the whole sequence, or a sum of costs ([`Loss`]) |
//! | ⟨w, Ψ(x, y)⟩ | the sum over tokens of emission and transition weights |
//!
//! **Orders.** Transitions of order t ≤ 3 include all lower orders from 1; emissions of order 1
//! include those of order 0. A token with fewer tokens before it has only the features that fit.
//! There are no weights for beginning or ending with a tag; features of the first and the last
//! token can take their place.
//!
//! **Features of pairs.** The last features may be ones of pairs of tags alone
//! ([`Sequence::with_pair_features`]; lines `B…` of templates): they have weights for the tag of
//! the token and the one before, and none for the tag alone. With emissions of order 1, all
//! features have weights for pairs, and those before the last ones for single tags too.
//!
//! **Layout of w.** The weight of feature f and tag y is w\[f · k + y\]. Then follow the weights
//! for pairs of tags, at f · k² + a · k + y for the tag a before y, with f counted from 0 for
//! emissions of order 1, else from the first feature of pairs alone. Then follow the transitions,
//! order by order, with tags read as digits in base k. One sweep scores all tags of a token: each
//! feature is a contiguous slice of w. Transitions are read in place.
//!
//! **Oracles.** All are exact unless there is a beam. Let m be the larger of t and 1.
//!
//! | problem | method | time for n tokens | memory |
//! |---|---|---|---|
//! | prediction; margin rescaling with a loss that is a sum over tokens | Viterbi's recursion | n · (k · features + k^(m+1)) | n · k^m |
//! | zero/one loss | the recursion in two layers: all tags right so far, or not | twice the time of prediction | 2 · n · k^m |
//! | slack rescaling | one layer for each number of errors (units of cost) from 0 to E, since only the best score for each number can be the best of all | E + 1 times the time of prediction | (E + 1) · n · k^m |
//! | planes recombined from parts of others, for transitions of order up to 1, emissions of order 0 and margin rescaling with a loss that is a sum over tokens | the recursion over the s tags of a token for which cached planes have a part | n · s² and a sort of their rows | n · s |
//! | the N best taggings | A* from the end, with Viterbi's table as an exact bound | N · n · k more | N · n · k |
//! | max-marginals of tokens | the recursion from both ends | twice the time of prediction | n · k^m |
//! | probabilities (log-loss) | the recursion forward and backward with sums for maxima | three to four times the time of prediction | 4 · n · k^m |
//!
//! Features of pairs take n · k² · (features of pairs at a token) more, and forbid recombination,
//! as emissions of order 1 do.
//!
//! **The log-loss.** With [`Sequence::with_objective`] (`--objective log`) training minimises −ln
//! P(y | x), P(y | x) = exp⟨w, Ψ(x, y)⟩ / Σ over ȳ of exp⟨w, Ψ(x, ȳ)⟩: a conditional random field,
//! of any of the orders above, and with a scheme over the taggings it allows. CRFsuite's
//! `-a lbfgs -p c2=V` solves the same problem for C(sum) = 1/(2V), except that by default it has
//! weights only for the features and transitions that it has seen together
//! (`-p feature.possible_states=1 -p
//! feature.possible_transitions=1` gives all). [`Sequence::marginals`] returns the probabilities of
//! tags.
//!
//! Ties are broken deterministically: by the first of the last states (the last m tags, compared in
//! the task's order of tags), then, going backwards, by the first tag. With a [`Scheme`] the
//! recursions skip tags that may not follow each other. If a beam keeps only states that nothing
//! may follow, it is dropped for that sequence.
//!
//! # Example
//! ```
//! use crosscut::{Example, Feature, Model, Settings, solve};
//! use crosscut_sequence::{Sequence, Tags, Tokens};
//!
//! let one = |index| vec![Feature { index, value: 1.0 }];
//! let task = Sequence::numbered(2, 2)?;
//! // Feature 0 says nothing by itself: its tag is the one of the token before.
//! let words = [([1, 0, 0], [1, 1, 1]), ([0, 1, 0], [0, 1, 1]), ([0, 0, 1], [0, 0, 1])];
//! let mut examples = Vec::new();
//! for (features, tags) in words {
//!     examples.push(Example::new(Tokens::from_features(&features.map(one))?, Tags::from(tags.to_vec())));
//! }
//!
//! let settings = Settings::default();
//! let solution = solve(&task, &examples, &settings)?;
//! let model = Model::new(task, solution.w, settings, solution.certificate);
//! assert_eq!(model.predict(&Tokens::from_features(&[1, 0, 0, 0].map(one))?), Tags::from(vec![1; 4]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The book in the folder `docs` of the repository has a guide (`docs/quick-start.md`), feature
//! templates (`docs/templates.md`), probabilities of tags (`docs/probabilities.md`) and figures on real
//! data (`docs/figures.md`).
//!
//! # Files
//! Files, their options and the measures are behind the feature `files`: `SequenceFiles` is the
//! format of `crosscut-app` for this task. Without it, nothing here reads or writes.
//!
//! One token a line, in one of four formats. `--format` selects it; otherwise it is recognised.
//!
//! | format | a token | between sequences | features |
//! |---|---|---|---|
//! | `hmm` (SVM^hmm) | `TAG qid:N id:value …` | another N, a number or any other name; none may return | as given, by number |
//! | `crfsuite` | `TAG<TAB>attribute[:weight]<TAB>…`, with `\:` and `\\` in names | a blank line | as given, by name |
//! | `columns` (CoNLL) | columns, separated by a TAB in lines that have one, else by white space | a blank line | made by a template |
//! | `conllu` (CoNLL-U, CoNLL-U Plus) | ten columns separated by TABs, or those that a line `# global.columns = …` names | a blank line | made by a template |
//!
//! A tag is any token. Files to be classified may lack the tags of all tokens of a sequence: `?` or
//! nothing (`hmm`), `?` or an empty field (`crfsuite`), one column less (`columns`), `_` at one of
//! the tokens (`conllu`). Features that
//! were not seen in training are ignored. `cost:V` (`hmm`, the same at all tokens of a sequence) or
//! a line `@weight:V` before a sequence (`crfsuite`) sets the weight of the sequence. In `hmm`,
//! `--zero-based` permits ids from 0, `--sort-ids` ids in any order.
//!
//! **The column of the tag** (`--tag-column`) is a number from 1, or from −1 backwards, in `conllu`
//! also a name. The default is the last one, in `conllu` UPOS. A template that reads the tag is
//! refused.
//!
//! **CoNLL-U** is recognised if `--template` is given and the first line that is no comment has ten
//! columns and the id of a first word, or if a comment before it names the columns. Words are the
//! tokens; comments, ranges of words (`1-2`) and empty nodes (`1.1`) are passed over. The ids of
//! the words of a sentence must be 1, 2, 3, …; so a missing blank line is found. `_` as the tag of
//! a word means that it has none, except in FEATS, DEPS and MISC, where it is a value. Training
//! refuses such a word. For a model, a sentence with such a word has no tags.
//!
//! **Templates** (`--template FILE`, or the built-in `chunking`, `pos`, `ner`) have the notation of
//! CRF++. A line `U01:%x[-1,0]/%x[0,0]` makes a feature, named by the line with each macro
//! replaced: `%x[row,column]` is the text in that column, `row` tokens further down. Wapiti's
//! macros are accepted as well: `%m[row,column,"regex"]` is the text that the expression matches,
//! `%t[row,column,"regex"]` says whether it matches, and `%X`, `%M`, `%T` are the same in lower
//! case. Outside a sequence macros find `_B-1`, `_B-2`, …, `_B+1`, …. A line `B01:%x[0,0]` makes a
//! feature of the tag of the token and the one before, for this line alone; the first token has
//! none. A line `B` without macros asks for transitions of order 1. The model keeps the template.
//!
//! Columns of templates are those of the file, counted from 0. Only the built-in templates, which
//! read a word and its part of speech as columns 0 and 1, find FORM and UPOS there in `conllu`, or
//! XPOS if there is no UPOS. `learn sequence --print-template NAME` prints one, to be changed.
//!
//! **Scaling.** `--scale standard|global` scales each feature by its values at all training tokens
//! ([`crosscut_data::scaling`] has the formulas). The model keeps the scaling and applies it to what
//! it reads. With `global`, features of value 1 that some tokens lack stay as they are. Features
//! that all tokens have are shifted. No bias can absorb the shift, but the weights of transitions
//! can in part. Constants become 0. Without `--scale`, `learn` names features whose sizes are far
//! apart.
//!
//! **Predictions** are one tag a line, in `columns` after the line of the file, with a blank line
//! after each sequence except in `hmm`. In `conllu` they are the whole file with other tags in the
//! column of the tag: comments, ranges and empty nodes stay where they stood (with `--flush` all
//! but comments after the last sentence), and numbers are attributes in the column MISC,
//! `MaxMargin=V` or `Probability=V`, in place of a column; models of files without that column
//! refuse these options. `--max-marginals` adds a column, `inf` if no other tag is possible. With
//! `--n-best N`, a line `# RANK SCORE` (ranks from 0) precedes each of the N best taggings, and a
//! blank line follows it. With `--probabilities`, a column has the probability of each tag, and
//! with `--n-best` too, the line has the probability of the tagging in place of the score.
//!
//! `classify` keeps a piece of the file in memory, and of a model with names only the features with
//! a weight that is not zero. With `--flush` a sequence is answered when a blank line after it has
//! arrived, in `hmm` also when a token of another N has.
//!
//! # Evaluation
//! * All measures but the counts (`sequences`, `tokens`, `unknown_tags`) are weighted by the
//!   weights of the sequences. A ratio whose denominator is zero is 0.
//! * `chunk_f1`, `chunk_precision` and `chunk_recall` are reported if the tags of the model mark
//!   chunks: as `B-NP`, `B_NP`, `NP-B`, `NP_B` or with letters alone ([`Notation::of`] has the
//!   rule). They follow the CoNLL-2000 evaluation, which reads IOB1 and IOB2 alike; `E` and `S`
//!   (also `L` and `U`, or `M` for `I` and `W` for `S`) mark the end of a chunk and a chunk of one
//!   token. A chunk is found if a predicted one has the same first and last token and the same
//!   kind. If the tags look like chunks and are not read, `evaluate` notes why.
//! * `token_error` is the fraction of wrong tags, `sequence_accuracy` the fraction of sequences
//!   without a wrong tag, `loss` the mean Δ.
//! * For models trained with the log-loss also [the measures of
//!   probabilities](crosscut_app::Forecasts): the likelihood of sequences, and forecasts of the
//!   tags of tokens.
//! * Tags that the model does not know are errors. The chunks they mark count like any others.

mod chunks;
mod constraint;
#[cfg(feature = "files")]
mod format;
mod lattice;
mod loss;
mod marginals;
mod recombine;
mod tags;
mod task;

pub use chunks::{Chunk, Notation, chunks};
pub use constraint::Scheme;
#[cfg(feature = "files")]
pub use format::{ENTRY, SequenceFiles};
pub use lattice::Scratch;
pub use loss::Loss;
pub use tags::{Tag, Tags, Tokens};
pub use task::{Features, Sequence, TaskError};
