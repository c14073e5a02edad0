// Scales of axes: from values to coordinates, with round numbers as ticks.

/** A linear scale from `[low, high]` to `[start, end]`; `invert` goes the other way. */
export function linear([low, high], [start, end]) {
  const slope = (end - start) / (high - low || 1);
  const place = (value) => start + (value - low) * slope;
  place.invert = (at) => low + (at - start) / slope;
  return place;
}

/** A logarithmic scale of positive values. */
export function logarithmic([low, high], ends) {
  const inner = linear([Math.log10(low), Math.log10(high)], ends);
  const place = (value) => inner(Math.log10(value));
  place.invert = (at) => 10 ** inner.invert(at);
  return place;
}

/** About `n` round ticks that enclose the values; their distance is 1, 2 or 5 times a power of ten. */
export function ticks(low, high, n) {
  const span = high > low ? high - low : Math.max(Math.abs(high), 1e-9);
  const power = 10 ** Math.floor(Math.log10(span / n));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= (span / n) * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Whole ticks from `first` to `last`, at most about `n`. */
export function wholeTicks(first, last, n) {
  const rough = Math.max((last - first) / n, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const start = Math.ceil(first / step);
  return Array.from({ length: Math.floor(last / step) - start + 1 }, (_, i) => (start + i) * step);
}

/** Powers of ten from `low` to `high`; the two ends where there are fewer than two of them. */
export function powerTicks(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  if (last <= first) return [low, high];
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}

/** A tick as text, with as many decimals as its neighbors need. */
export function tickText(tick, all) {
  const step = Math.abs(all[1] - all[0]) || 1;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (decimals < 4) return tick.toFixed(decimals);
  return tick === 0 ? "0" : Number(tick.toPrecision(3)).toExponential();
}
