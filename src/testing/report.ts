/** The table of what a plugin does: each case, with how it went. */
import type { Supports } from '../plugin.ts'
import type { ConformanceCase } from './conformance.ts'

export interface CaseResult {
  readonly name: string
  readonly clause: string
  readonly requires: readonly (keyof Supports)[]
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped. */
  readonly message?: string
}

export interface ConformanceReport {
  readonly plugin: string
  /** What it claims. */
  readonly supports: Supports
  readonly results: readonly CaseResult[]
  /** Whether it does all that it claims. */
  readonly ok: boolean
}

export interface ReportOptions {
  readonly plugin: string
  readonly supports?: Supports
  /** Told of each case when it is over. */
  readonly onResult?: (result: CaseResult) => void
}

/** Run the cases, one after the other. Never rejects for what a case finds. */
export async function runConformance(
  cases: readonly ConformanceCase[],
  { plugin, supports = {}, onResult }: ReportOptions,
): Promise<ConformanceReport> {
  const results: CaseResult[] = []
  for (const each of cases) {
    const result = await runCase(each)
    results.push(result)
    onResult?.(result)
  }
  return { plugin, supports, results, ok: results.every(({ status }) => status !== 'failed') }
}

async function runCase({ name, clause, requires, skip, run }: ConformanceCase): Promise<CaseResult> {
  const base = { name, clause, requires }
  if (skip !== undefined) return { ...base, status: 'skipped', message: skip }
  try {
    await run()
    return { ...base, status: 'passed' }
  } catch (error) {
    return { ...base, status: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

const SIGNS = { passed: 'ok  ', failed: 'FAIL', skipped: '-   ' } as const

/** For a terminal. */
export function formatReport({ plugin, results, ok }: ConformanceReport): string {
  const width = Math.max(0, ...results.map(({ name }) => name.length))
  const lines = results.map(({ name, status, message, clause }) => {
    const tail = status === 'skipped' ? message : status === 'failed' ? clause : ''
    const head = `${SIGNS[status]} ${name.padEnd(width)}  ${tail ?? ''}`.trimEnd()
    return status === 'failed' ? `${head}\n${indent(message ?? '')}` : head
  })
  const count = (status: CaseResult['status']): number => results.filter((result) => result.status === status).length
  const sum = `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} not claimed`
  return [
    `plugin '${plugin}'`,
    ...lines,
    `${sum}: ${ok ? 'it does what it claims' : 'it does not do what it claims'}`,
  ].join('\n')
}

function indent(text: string): string {
  return text.replace(/^/gm, '       ')
}

export interface MarkdownOptions {
  /** A row for each group of clauses (what their names have before the colon) in place of one for each. */
  readonly grouped?: boolean
}

/** A table with a row for each clause and a column for each plugin, for a README. */
export function formatMarkdown(
  reports: readonly ConformanceReport[],
  { grouped = false }: MarkdownOptions = {},
): string {
  const rowOf = ({ name }: CaseResult): string => (grouped ? (name.split(':')[0] ?? name) : name)
  const names = [...new Set(reports.flatMap(({ results }) => results.map(rowOf)))]
  const rows = names.map((name) => {
    const cells = reports.map(({ results }) => cell(results.filter((result) => rowOf(result) === name)))
    return `| ${name} | ${cells.join(' | ')} |`
  })
  const head = `| clause | ${reports.map(({ plugin }) => plugin).join(' | ')} |`
  return [head, `|---|${'---|'.repeat(reports.length)}`, ...rows].join('\n')
}

function cell(results: readonly CaseResult[]): string {
  const count = (status: CaseResult['status']): number => results.filter((result) => result.status === status).length
  if (count('failed') > 0) return '**no**'
  if (count('passed') === 0) return '–'
  return count('skipped') > 0 ? 'in part' : 'yes'
}
