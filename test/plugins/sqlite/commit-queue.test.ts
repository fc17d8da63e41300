/** Group commit, without a database. */
import { expect, it } from 'vitest'
import { CommitQueue } from '../../../src/plugins/sqlite/commit-queue.ts'
const strict = { name: 'strict' } as never
const loose = { name: 'loose' } as never
it('a commit that fails rejects what was written in it', async () => {
  const chunks = {
    commitWith: (_c: unknown, _s: boolean, body: () => unknown) => {
      body()
      throw new Error('COMMIT')
    },
  }
  const queue = new CommitQueue(strict, loose, chunks as never, () => {})
  const both = [queue.add(() => 1, { strict: true, when: 'turn' }), queue.add(() => 2, { strict: true, when: 'turn' })]
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
it('one strict write makes its group strict', async () => {
  const used: unknown[] = []
  const chunks = {
    commitWith: (c: unknown, _s: boolean, body: () => unknown) => {
      used.push(c)
      return body()
    },
  }
  const queue = new CommitQueue(strict, loose, chunks as never, () => {})
  await Promise.all([
    queue.add(() => 1, { strict: true, when: 'turn' }),
    queue.add(() => 2, { strict: false, when: 'turn' }),
  ])
  expect(used).toEqual([strict])
})
