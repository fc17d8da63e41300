/** Stores that the handler and its clients can both reach: a folder (EFS), a bucket of S3. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createHash, randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { PayloadStore } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import type { CancelRequest, CancelStore } from './options.ts'

/** Give it as `payloads`, as `cancels`, or as both. */
export interface LambdaStore extends PayloadStore, CancelStore {}

/** Files by key. */
interface Files {
  write(key: string, bytes: Uint8Array): Promise<void>
  /** Nothing, where there is no such file. */
  read(key: string): Promise<Uint8Array | undefined>
}

/** A folder that all invocations see, e.g. of EFS. Nothing in it is ever deleted. */
export function folderStore(path: string): LambdaStore {
  return storeOf({
    async write(key, bytes) {
      const file = join(path, key)
      await mkdir(dirname(file), { recursive: true })
      // Whole or not at all, for those who read meanwhile.
      const made = `${file}.${randomUUID()}`
      await writeFile(made, bytes)
      await rename(made, file)
    },
    async read(key) {
      try {
        return await readFile(join(path, key))
      } catch (error) {
        if ((error as { readonly code?: string }).code === 'ENOENT') return undefined
        throw error
      }
    },
  })
}

/** What is used of S3: `new S3()` of `@aws-sdk/client-s3` is one. */
export interface S3Like {
  putObject(input: { Bucket: string; Key: string; Body: Uint8Array }): Promise<unknown>
  getObject(input: { Bucket: string; Key: string }): Promise<{ Body?: S3Body | undefined }>
}

export interface S3Body {
  transformToByteArray(): Promise<Uint8Array>
}

export interface S3StoreOptions {
  readonly bucket: string
  /** Before each key, with its slash. Default: `holdfast/`. */
  readonly prefix?: string
}

/** A bucket of S3. It needs `s3:GetObject` and `s3:PutObject` on its keys, and `s3:ListBucket`, so that a missing key is told as such. */
export function s3Store(client: S3Like, { bucket, prefix = 'holdfast/' }: S3StoreOptions): LambdaStore {
  return storeOf({
    async write(key, bytes) {
      await client.putObject({ Bucket: bucket, Key: prefix + key, Body: bytes })
    },
    async read(key) {
      try {
        const { Body } = await client.getObject({ Bucket: bucket, Key: prefix + key })
        return await Body?.transformToByteArray()
      } catch (error) {
        if ((error as { readonly name?: string }).name === 'NoSuchKey') return undefined
        throw error
      }
    },
  })
}

function storeOf(files: Files): LambdaStore {
  return {
    async put(bytes) {
      const ref = createHash('sha256').update(bytes).digest('hex')
      await files.write(`payloads/${ref}`, bytes)
      return ref
    },
    async get(ref) {
      const bytes = /^[0-9a-f]{64}$/.test(ref) ? await files.read(`payloads/${ref}`) : undefined
      if (bytes) return bytes
      throw new HoldfastError({
        code: 'JOURNAL_CORRUPT',
        message: `payload ${ref} is not in the store: it was deleted, or this is another store than the run was started with.`,
        details: { ref },
      })
    },
    setCancel: (runId, request) => files.write(cancelKey(runId), new TextEncoder().encode(JSON.stringify(request))),
    async getCancel(runId) {
      const bytes = await files.read(cancelKey(runId))
      return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as CancelRequest)
    },
  }
}

/** A run's id may be anything. */
function cancelKey(runId: string): string {
  return `cancels/${createHash('sha256').update(runId).digest('hex')}`
}
