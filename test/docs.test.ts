/** Docs that can't lie: their code is that of the files they name, their links lead somewhere, each error code has a heading. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const docs = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

test.each(docs)('%s: code that names a file is in that file', (doc) => {
  for (const [, path, code] of read(doc).matchAll(/```ts\n\/\/ (\S+\.ts)\n([\s\S]*?)```/g)) {
    expect(read(path as string), `${doc} shows ${path}`).toContain(code)
  }
})

test.each(docs)('%s: its links lead to files that are there', (doc) => {
  for (const [, link] of read(doc).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
    expect(existsSync(join(ROOT, dirname(doc), link as string)), `${doc} links to ${link}`).toBe(true)
  }
})

test('each error code has a heading, and each heading a code', () => {
  const union = /export type ErrorCode =([\s\S]*?)\n\n/.exec(read('src/errors.ts'))?.[1] ?? ''
  const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code)
  const headings = [...read('docs/errors.md').matchAll(/^### ([A-Z_]+)$/gm)].map(([, code]) => code)
  expect(codes.length).toBeGreaterThan(20)
  expect(headings.sort()).toEqual(codes.sort())
})
