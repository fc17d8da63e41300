/** What a part of the benchmark gives: rows of figures, and the targets with how far they are met. */

export interface Section {
  readonly title: string
  /** Under the title: what was done. */
  readonly about: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly targets: readonly Target[]
}

export interface Target {
  readonly what: string
  readonly wanted: string
  readonly found: string
  readonly met: boolean
}

export function atMost(what: string, found: number, limit: number, unit = ''): Target {
  return { what, wanted: `at most ${limit}${unit}`, found: `${found.toFixed(2)}${unit}`, met: found <= limit }
}

export function atLeast(what: string, found: number, limit: number, unit = ''): Target {
  return { what, wanted: `at least ${limit}${unit}`, found: `${found.toFixed(2)}${unit}`, met: found >= limit }
}

export function toMarkdown({ title, about, columns, rows, targets }: Section): string {
  const verdicts = targets.map(({ what, wanted, found, met }) => [what, wanted, found, met ? 'met' : '**missed**'])
  return [`## ${title}`, about, table(columns, rows), table(['target', 'wanted', 'found', ''], verdicts)].join('\n\n')
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
