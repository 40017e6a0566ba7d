// Loaded by itself when a chart is first shown: the library that draws it is not part of the page's own bundle.
import UPlot from 'uplot';
import styles from 'uplot/dist/uPlot.min.css';
import type { BootSeries } from './boot-series';

/** The host's theme, as far as a canvas needs it. */
export interface PlotTheme {
  text: string;
  grid: string;
  count: string;
  took: string;
  failed: string;
  font: string;
}

const HEIGHT = 220;
const STYLE_ID = 'app-supervisor-plot';

function addStyles(): void {
  if (document.getElementById(STYLE_ID)) return;
  const style = document.createElement('style');
  style.id = STYLE_ID;
  style.textContent = styles;
  document.head.append(style);
}

/** Draws how many applications began to start, as bars, and how long each took, as dots. @returns what takes it down */
export function drawBoots(element: HTMLElement, series: BootSeries, theme: PlotTheme, language: string): () => void {
  addStyles();
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
  const shared = { stroke: theme.text, font: theme.font, ticks: { show: false } };
  const dots = (stroke: string) => ({
    scale: 'seconds',
    stroke,
    paths: () => null,
    points: { show: true, size: 8, fill: stroke, stroke },
  });
  const highest = (values: (number | undefined)[]) => Math.max(1, ...values.map((value) => value ?? 0));
  const plot = new UPlot(
    {
      width: element.clientWidth || 600,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [12, 0, 0, 0],
      scales: {
        x: { range: () => [series.from, series.to] },
        count: { range: () => [0, Math.ceil(highest(series.counts) * 1.2)] },
        seconds: { range: () => [0, highest([...series.took, ...series.failedAfter]) * 1.2] },
      },
      axes: [
        { ...shared, grid: { show: false }, values: (_plot, times) => times.map((time) => clock.format(time * 1_000)) },
        {
          ...shared,
          scale: 'count',
          grid: { stroke: theme.grid, width: 1 },
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500],
          size: 40,
        },
        {
          ...shared,
          scale: 'seconds',
          side: 1,
          grid: { show: false },
          values: (_plot, seconds) => seconds.map((value) => `${value} s`),
          size: 56,
        },
      ],
      series: [
        {},
        {
          scale: 'count',
          fill: theme.count,
          width: 0,
          points: { show: false },
          paths: UPlot.paths.bars?.({ size: [0.8, 60] }),
        },
        dots(theme.took),
        dots(theme.failed),
      ],
    },
    [series.times, series.counts, series.took, series.failedAfter] as UPlot.AlignedData,
    element,
  );
  const watcher = new ResizeObserver(() => {
    if (element.clientWidth && element.clientWidth !== plot.width) {
      plot.setSize({ width: element.clientWidth, height: HEIGHT });
    }
  });
  watcher.observe(element);
  return () => {
    watcher.disconnect();
    plot.destroy();
  };
}
