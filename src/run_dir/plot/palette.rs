//! Colors of series, for light and dark pages.

/// The colors for light and for dark pages; series take them in turn.
const COLORS: [(&str, &str); 6] = [
    ("#0969da", "#58a6ff"),
    ("#bc4c00", "#f0883e"),
    ("#1a7f37", "#3fb950"),
    ("#8250df", "#bc8cff"),
    ("#bf3989", "#f778ba"),
    ("#57606a", "#9198a1"),
];

/// The number of series with distinct colors.
pub(super) const N_COLORS: usize = COLORS.len();

/// The CSS rules of the series, with the classes `r0`, `r1` ….
pub(super) fn style(n_series: usize) -> String {
    let rules = |color: fn(&(&'static str, &'static str)) -> &'static str| {
        let of_series = (0..n_series).map(|series| {
            let color = color(&COLORS[series % COLORS.len()]);
            format!(
                ".line.r{series}{{stroke:{color}}}.dot.r{series},.bar.r{series},.label.r{series}{{fill:{color}}}"
            )
        });
        of_series.collect::<Vec<_>>().concat()
    };
    let (light, dark) = (rules(|colors| colors.0), rules(|colors| colors.1));
    format!("{light}@media(prefers-color-scheme:dark){{{dark}}}")
}
