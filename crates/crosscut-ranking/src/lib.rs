//! Learning to rank for [`crosscut`]: a linear score orders the documents of a query (Herbrich,
//! Graepel, Obermayer 2000; Joachims 2002, 2006).
//!
//! | | |
//! |---|---|
//! | x | a [`Query`]: a row of d features for each of its m documents, stored densely if that is smaller |
//! | y | [`Scores`]: a number for each document; a larger number ranks higher. The grades of the truth, or the scores of a prediction |
//! | ⟨w, x⟩ | the score of a document; prediction sorts by it |
//! | Δ(y, ŷ) | swapped pairs, or a measure of the ranking subtracted from its best value ([`Loss`]) |
//!
//! **Swapped pairs.** A ranking orders every pair of documents, and ȳ is one of 2^pairs choices:
//! Ψ(x, y) is never written. Over the pairs that the truth orders, ξ = Σ over i above j of costᵢ ·
//! max(0, 1 − ⟨w, xᵢ − xⱼ⟩). This is SVM^rank and, with costs of 1 / propensity at the clicked
//! documents, Propensity SVM-rank (Joachims, Swaminathan, Schnabel 2017). The oracle sorts the
//! scores and counts in two sweeps, with prefix sums by grade that answer "how many below this one"
//! in O(log grades).
//!
//! **Measures of the whole ranking** have a joint feature map, an exact oracle each, and one plane
//! per call:
//!
//! | loss | Ψ | oracle for m documents | slack rescaling |
//! |---|---|---|---|
//! | swapped pairs, count or fraction; rank of relevant documents | by pairs | O(m log m) | no: each pair has its own slack, for which slack and margin rescaling are the same |
//! | 1 − average precision (Yue, Finley, Radlinski, Joachims 2007) | ± over relevant and irrelevant documents | O(R · N), R relevant and N not | no |
//! | 1 − reciprocal rank; 1 − precision at k | the same | O(R · N) | exact: there are few values of the loss |
//! | 1 − NDCG at k, DCG missing at k (Le and Smola 2007; Chapelle, Le, Smola 2007) | Σ D(rank) · x | O(m log m), any grades | no |
//!
//! If the truth leaves the order of some documents open, losses accept each of these orders as
//! right, and Ψ(x, y) of the last row is the mean over them. If documents have equal scores, a loss
//! takes their worst order; swapped pairs count them as swapped.
//!
//! # Example
//! ```
//! use crosscut::{Example, Feature, Model, Settings, solve};
//! use crosscut_data::FeatureIds;
//! use crosscut_ranking::{Query, Ranking, Scores};
//!
//! let document = |values: [f32; 2]| vec![Feature { index: 0, value: values[0] }, Feature { index: 1, value: values[1] }];
//! let query = |documents: [[f32; 2]; 3]| Query::new(&documents.map(document), 2);
//! let examples = [
//!     Example::new(query([[0.9, 0.1], [0.5, 0.8], [0.1, 0.3]])?, Scores::new(vec![2.0, 1.0, 0.0])),
//!     Example::new(query([[0.2, 0.9], [0.8, 0.2], [0.4, 0.5]])?, Scores::new(vec![0.0, 1.0, 0.0])),
//! ];
//!
//! let task = Ranking::new(FeatureIds::Contiguous(2));
//! let settings = Settings::default();
//! let solution = solve(&task, &examples, &settings)?;
//! let model = Model::new(task, solution.w, settings, solution.certificate);
//! let scores = model.predict(&query([[0.7, 0.2], [0.3, 0.4], [0.9, 0.9]])?);
//! assert!(scores.values()[0] > scores.values()[1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The book in the folder `docs` of the repository has a guide (`docs/quick-start.md`), formats of
//! files (`docs/file-formats.md`) and figures on real data (`docs/figures.md`).
//!
//! # Files
//! `RankingFiles`, with the feature `files`, reads and writes them. Programs with data of their own
//! need only the task: [`Ranking::input`] makes queries of documents whose features have ids.
//!
//! Examples are svm-light lines, one document a line: `grade qid:N [cost:V] id:value … # comment`.
//! The documents of a query share one `qid` and follow each other; a `qid` that returns is refused.
//! It is any text without white space and `#`. Whole numbers of at most 64 bits are equal as
//! numbers (`7`, `007`), all other texts as they are written. In files to be classified the grade
//! may be `?` or missing. `--zero-based` permits ids from 0, `--sort-ids` ids in any order.
//!
//! If there is no `qid`, a file of group sizes (`--group FILE`, a number of documents a line, as in
//! LightGBM and XGBoost) gives the sizes of the queries. Without `--group` it is looked for beside
//! the examples: `FILE.query`, then `FILE.group`. For `x.svm.gz` (`.bz2`, `.xz`, `.lzma`, `.zst`)
//! these are `x.svm.gz.query`, `x.svm.query`, `x.svm.gz.group`, `x.svm.group`. `--no-group` does
//! not look for it. Without any, all documents are one query.
//!
//! * **Tables.** With `--label COLUMN` the documents are the rows of a CSV or TSV file with a
//!   header line (`crosscut_app::table` has the rules), and COLUMN has the grades.
//!   `--group-column` has the name of the query, any text (in TREC runs `_` stands for its spaces),
//!   `--weight-column` what `cost:` has.
//! * **Weights.** `cost:V` multiplies the pairs in which a document is the better one (only with
//!   losses that count pairs). A query may hold several clicked documents. Propensity SVM-rank is
//!   `-l 1` with a query for each click, or `-l 8` (ranks of relevant documents) with all clicks of
//!   a query in one. `--query-weights FILE` has a number for each query, which multiplies its
//!   slack.
//! * **Scaling.** `--scale query` brings each feature to a range of width 1 within its query;
//!   `--scale standard` and `--scale global` scale by all training documents
//!   ([`crosscut_data::scaling`] has the formulas). The model keeps the scaling and applies it to
//!   what it reads. A shift of a feature changes no ranking. Without `--scale`, `learn` names
//!   features whose ranges within queries are far apart. From Rust, [`Ranking::with_scaling`]
//!   scales the features passed to [`Ranking::input`].
//! * **Predictions** are one score a line, in the order of the file. With `--ranks` they are TREC
//!   runs, `qid Q0 document rank score tag`; the document is the first word of its comment.
//! * **`classify --flush`** answers a query when a document of another `qid` has arrived, or a
//!   blank line, which ends a query then, so that no `qid` is needed. It is refused with `--group`.
//! # Evaluation
//! Means over queries, weighted by the weights of the queries: `map`, `mrr`, `p@k`, `err`,
//! `kendall_tau`, `swapped_fraction`, `zero_one_error` (queries with a swapped pair), `loss`, and
//! the normalised discounted cumulative gain in three conventions, `ndcg@k`, `ndcg_linear@k` and
//! `ndcg_letor@k` ([`Convention`]). [`Ranked`] says how ties are broken and how queries without
//! relevant documents count; `queries_without_relevant` is their number. `--json` adds the values
//! of each query, by position.

mod discount;
#[cfg(feature = "files")]
mod format;
mod inversions;
mod measures;
mod query;
mod relevant_merge;
mod scaling;
mod task;

#[cfg(feature = "files")]
pub use format::{ENTRY, RankingFiles};
pub use measures::{Convention, Ranked};
pub use query::{Names, Query, Scores};
pub use scaling::Scaling;
pub use task::{Loss, Ranking, Scratch, TaskError};
