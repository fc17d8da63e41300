import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { payloadsOf } from '../../../src/plugins/sqlite/payloads.ts'
import { errorOf, openJournal } from './support.ts'

function store() {
  const journal = openJournal()
  return { journal, payloads: payloadsOf({ path: journal.path, get: () => journal, release: () => {} }) }
}

test('bytes come back as they were, under a name that is their content', async () => {
  const { journal, payloads } = store()
  const bytes = new Uint8Array(randomBytes(200_000))
  const ref = await payloads.put(bytes)
  expect(ref).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(await payloads.put(bytes.slice())).toBe(ref)
  expect(await payloads.get(ref)).toEqual(bytes)
  expect(journal.strict.get('SELECT count(*) AS n FROM payloads')).toEqual({ n: 1 })
  expect(await payloads.get(await payloads.put(new Uint8Array()))).toEqual(new Uint8Array())
})

test('a reference that is not there, and bytes that are not what they were', async () => {
  const { journal, payloads } = store()
  expect(await errorOf(() => payloads.get('sha256:00'))).toMatchObject({ code: 'JOURNAL_CORRUPT' })
  const ref = await payloads.put(new Uint8Array([1, 2, 3]))
  journal.strict.run("UPDATE payloads SET bytes = x'0102'")
  expect(await errorOf(() => payloads.get(ref))).toMatchObject({ code: 'JOURNAL_CORRUPT', message: /not what was put/ })
})
