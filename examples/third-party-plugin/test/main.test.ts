import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('two workers are killed with SIGKILL in a tool; the third ends the run, and each tool had one effect', async () => {
  const main = join(import.meta.dirname, '..', 'main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=holdfast-source', main])
  const [first, second, third] = stdout.split(/^worker \d\n/m).slice(1)
  assert.equal(first, '  lookUp: SIGKILL\n')
  assert.match(
    second ?? '',
    /^ {2}lookUp\n {2}waits: 2\/tool\/0\/refund\/approval, .*\n {2}refund\n {2}writeMail: SIGKILL\n$/,
  )
  assert.match(third ?? '', /^ {2}writeMail\nOrder A-17 is refunded, and the customer knows\.\n/)
  const done = [...stdout.matchAll(/^(\w+) refund-A-17\/\S+$/gm)].map(([, tool]) => tool)
  assert.deepEqual(done, ['lookUp', 'refund', 'writeMail'])
})
