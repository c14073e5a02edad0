//! Colors of classes and of runs, for light and dark pages.

/// The colors for light and for dark pages; series take them in turn.
const COLORS: [(&str, &str); 6] = [
    ("#8250df", "#bc8cff"),
    ("#0a7d8c", "#39c5cf"),
    ("#bf3989", "#f778ba"),
    ("#7a6200", "#d9b230"),
    ("#8a5a44", "#d6a58c"),
    ("#5a7d00", "#a5c84b"),
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
