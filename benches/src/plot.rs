//! Plots as plain SVG: curves and points on logarithmic or linear axes.

/// A curve, or a single point, with its name.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points; those that a logarithm does not know are left out.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;
/// Colours that are told apart by most eyes.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];

/// One axis: the values of a plot, and their places in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    is_log: bool,
}

impl Axis {
    /// An axis from `low` at the pixel `from` to `high` at the pixel `to`.
    pub fn linear((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        Self { low, high, from, to, is_log: false }
    }

    /// The same for the logarithms of `low` and `high`, which must be above 0.
    pub fn log((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        Self { low: low.log10(), high: high.log10(), from, to, is_log: true }
    }

    /// A logarithmic axis of the whole decades around `values`.
    fn around(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.fold(f64::NEG_INFINITY, f64::max).log10().ceil();
        let (low, high) = match low.is_finite() && high.is_finite() {
            true => (low, high.max(low + 1.0)),
            false => (0.0, 1.0),
        };
        Self { low, high, from, to, is_log: true }
    }

    /// The pixel of a value.
    pub fn place(&self, value: f64) -> f64 {
        let value = if self.is_log { value.log10() } else { value };
        self.from + (self.to - self.from) * (value - self.low) / (self.high - self.low)
    }

    fn decades(&self) -> impl Iterator<Item = i32> {
        self.low as i32..=self.high as i32
    }
}

/// A plot with a title and names for its axes.
pub fn svg(title: &str, across: &str, up: &str, series: &[Series]) -> String {
    let drawn: Vec<(&str, Vec<(f64, f64)>)> = (series.iter())
        .map(|Series { name, points }| {
            let known =
                |&&(x, y): &&(f64, f64)| x > 0.0 && y > 0.0 && x.is_finite() && y.is_finite();
            (name.as_str(), points.iter().filter(known).copied().collect())
        })
        .filter(|(_, points): &(_, Vec<_>)| !points.is_empty())
        .collect();
    let all = || drawn.iter().flat_map(|(_, points)| points.iter().copied());
    let x = Axis::around(all().map(|(x, _)| x), LEFT, WIDTH - RIGHT);
    let y = Axis::around(all().map(|(_, y)| y), HEIGHT - BOTTOM, TOP);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut put = |line: String| {
        text += &line;
        text.push('\n');
    };
    put(format!("<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>", escape(title)));
    for decade in x.decades() {
        let at = x.place(10_f64.powi(decade));
        put(grid_line((at, TOP), (at, HEIGHT - BOTTOM)));
        put(label((at, HEIGHT - BOTTOM + 16.0), "middle", &power(decade)));
    }
    for decade in y.decades() {
        let at = y.place(10_f64.powi(decade));
        put(grid_line((LEFT, at), (WIDTH - RIGHT, at)));
        put(label((LEFT - 6.0, at + 4.0), "end", &power(decade)));
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    put(format!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        HEIGHT - 10.0,
        escape(across)
    ));
    let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
    put(format!(
        "<text x=\"14\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\">{}</text>",
        escape(up)
    ));
    for (at, (name, points)) in drawn.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        if points.len() > 1 {
            put(format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                self::points(&x, &y, points)
            ));
        }
        if let Some(&(seconds, value)) = points.last() {
            put(format!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>",
                x.place(seconds),
                y.place(value)
            ));
        }
        let (left, line) = (WIDTH - RIGHT + 14.0, TOP + 8.0 + 18.0 * at as f64);
        put(format!("<circle cx=\"{left}\" cy=\"{line}\" r=\"4\" fill=\"{colour}\"/>"));
        put(format!("<text x=\"{}\" y=\"{}\">{}</text>", left + 10.0, line + 4.0, escape(name)));
    }
    text + "</svg>\n"
}

/// A thin line between two points.
pub fn grid_line((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#dddddd\"/>"
    )
}

/// Text at a point, which is its `start`, `middle` or `end`.
pub fn label((x, y): (f64, f64), anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escape(text))
}

/// A power of ten as a number.
pub fn power(decade: i32) -> String {
    match decade {
        -2..=3 => format!("{}", 10_f64.powi(decade)),
        _ => format!("1e{decade}"),
    }
}

/// The `points` of a line or an area of SVG.
pub fn points(x: &Axis, y: &Axis, values: &[(f64, f64)]) -> String {
    let place = |&(across, up): &(f64, f64)| format!("{:.1},{:.1}", x.place(across), y.place(up));
    values.iter().map(place).collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether every element is closed, in order, and every attribute quoted.
    fn well_formed(text: &str) -> Result<(), String> {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = text.trim();
        while let Some(at) = rest.find('<') {
            if rest[..at].contains('>')
                || rest[..at].split('&').skip(1).any(|entity| !entity.contains(';'))
            {
                return Err(format!("text with a bare character: {}", &rest[..at]));
            }
            let end = at + rest[at..].find('>').ok_or("a tag without an end")?;
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            if !tag.matches('"').count().is_multiple_of(2) {
                return Err(format!("an open quote: {tag}"));
            }
            match tag.strip_prefix('/') {
                Some(name) if open.pop() == Some(name) => {}
                Some(name) => return Err(format!("{name} was not open")),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split_whitespace().next().unwrap_or_default()),
            }
        }
        if open.is_empty() && rest.is_empty() {
            Ok(())
        } else {
            Err(format!("not closed: {open:?} {rest}"))
        }
    }

    fn series(name: &str, points: &[(f64, f64)]) -> Series {
        Series { name: name.to_owned(), points: points.to_vec() }
    }

    #[test]
    fn plots_are_well_formed() {
        let plots = [
            vec![],
            vec![series("a & b < c", &[(0.1, 1.0), (1.0, 1e-3), (2.0, 0.0), (3.0, f64::NAN)])],
            vec![
                series("curve", &[(0.1, 1.0), (10.0, 1e-5)]),
                series("point", &[(5.0, 1e-2)]),
                series("none", &[]),
            ],
        ];
        for plot in plots {
            let text = svg("a \"title\"", "seconds", "off by", &plot);
            assert_eq!(well_formed(&text), Ok(()), "{text}");
            assert!(!text.contains("NaN") && !text.contains("inf"));
            let shown = plot.iter().filter(|series| !series.points.is_empty()).count();
            assert_eq!(text.matches("<circle").count(), 2 * shown);
        }
    }

    #[test]
    fn decades_are_evenly_spread() {
        let axis = Axis::around([0.02, 3.0].into_iter(), 0.0, 300.0);
        assert_eq!(axis.decades().map(power).collect::<Vec<_>>(), ["0.01", "0.1", "1", "10"]);
        assert_eq!(
            [0.01, 0.1, 1.0, 10.0].map(|value| axis.place(value).round()),
            [0.0, 100.0, 200.0, 300.0]
        );
    }
}
