// @ts-check
/**
 * What a scenario hands back: figures with all their rounds, and claims that hold a figure against the target.
 */
import { median } from './statistics.mjs';

/**
 * @typedef {object} Figure
 * @property {string} who the contender
 * @property {string} what
 * @property {string} unit
 * @property {number[]} values one a round
 *
 * @typedef {object} Claim
 * @property {string} what
 * @property {number} value the median of `values`
 * @property {number[]} values one a round
 * @property {string} target
 * @property {boolean} met
 *
 * @typedef {object} Findings
 * @property {Figure[]} figures
 * @property {Claim[]} claims
 * @property {string[]} [notes] what the figures alone do not say
 */

/**
 * @param {string} who
 * @param {string} what
 * @param {string} unit
 * @param {number[]} values
 * @returns {Figure}
 */
export const figure = (who, what, unit, values) => ({ who, what, unit, values });

/**
 * @param {string} what
 * @param {number[]} values
 * @param {'at least' | 'at most' | 'below'} relation
 * @param {number} limit
 * @returns {Claim}
 */
export function claim(what, values, relation, limit) {
  const value = median(values);
  const met = relation === 'at least' ? value >= limit : relation === 'at most' ? value <= limit : value < limit;
  return { what, value, values, target: `${relation} ${limit}`, met };
}

/**
 * Markdown, as it stands in docs/performance.md.
 * @param {Findings} findings
 * @returns {string}
 */
export function tables({ figures, claims, notes = [] }) {
  const measured = figures.map(({ who, what, unit, values }) => [
    what,
    who,
    `${tidy(median(values))} ${unit}`.trim(),
    values.length > 1 ? `${tidy(Math.min(...values))} – ${tidy(Math.max(...values))}` : '',
    String(values.length),
  ]);
  const held = claims.map(({ what, value, values, target, met }) => [
    what,
    `${tidy(value)}${values.length > 1 ? ` (${tidy(Math.min(...values))} – ${tidy(Math.max(...values))})` : ''}`,
    target,
    met ? 'yes' : 'no',
  ]);
  return [
    ...table(['measured', 'contender', 'median', 'spread', 'rounds'], measured),
    ...(held.length > 0 ? ['', ...table(['claim', 'value', 'target', 'met'], held)] : []),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : []),
  ].join('\n');
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(head, rows) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}

/** @param {number} value */
function tidy(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return size >= 100
    ? value.toFixed(0)
    : size >= 10
      ? value.toFixed(1)
      : size >= 1
        ? value.toFixed(2)
        : value.toFixed(3);
}
