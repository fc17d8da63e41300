/** The stores of the Lambda plugin: a folder, and what is used of S3. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isHoldfastError } from 'holdfast'
import type { LambdaStore, S3Like } from 'holdfast/lambda'
import { folderStore, s3Store } from 'holdfast/lambda'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-lambda-store-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fakeS3(): S3Like & { readonly keys: Map<string, Uint8Array> } {
  const keys = new Map<string, Uint8Array>()
  return {
    keys,
    putObject: async ({ Bucket, Key, Body }) => void keys.set(`${Bucket} ${Key}`, Body),
    async getObject({ Bucket, Key }) {
      const bytes = keys.get(`${Bucket} ${Key}`)
      if (!bytes) throw Object.assign(new Error('The specified key does not exist.'), { name: 'NoSuchKey' })
      return { Body: { transformToByteArray: async () => bytes } }
    },
  }
}

const s3 = fakeS3()
const stores: { readonly [name: string]: LambdaStore } = {
  folder: folderStore(join(folder, 'store')),
  s3: s3Store(s3, { bucket: 'mine' }),
}

describe.each(Object.keys(stores))('%s', (name) => {
  const store = stores[name] as LambdaStore

  test('payloads come back as they were, by their content', async () => {
    const bytes = new Uint8Array([0, 1, 255])
    const ref = await store.put(bytes)
    expect(await store.put(bytes)).toBe(ref)
    expect([...(await store.get(ref))]).toEqual([0, 1, 255])
  })

  test('a payload that is not there is told as such, also with a reference that is none', async () => {
    for (const ref of ['0'.repeat(64), '../cancels/x']) {
      const failure = await store.get(ref).catch((error: unknown) => error)
      expect(isHoldfastError(failure, 'JOURNAL_CORRUPT')).toBe(true)
    }
  })

  test('a cancel is there for its run alone', async () => {
    await store.setCancel('a/../b', { reason: 'enough' })
    expect(await store.getCancel('a/../b')).toEqual({ reason: 'enough' })
    expect(await store.getCancel('b')).toBeUndefined()
  })
})

test('keys begin with the prefix; files of a folder are whole ones', () => {
  expect([...s3.keys.keys()].every((key) => key.startsWith('mine holdfast/'))).toBe(true)
  expect(readdirSync(join(folder, 'store')).sort()).toEqual(['cancels', 'payloads'])
})

test('other failures of the store are given on', async () => {
  const broken: S3Like = {
    putObject: () => Promise.reject(new Error('denied')),
    getObject: () => Promise.reject(new Error('denied')),
  }
  await expect(s3Store(broken, { bucket: 'mine' }).getCancel('run')).rejects.toThrow('denied')
})
