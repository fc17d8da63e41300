import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { withBookings } from '../../examples/travel/tools/bookings.ts'

const demo = join(import.meta.dirname, '..', '..', 'examples', 'travel', 'demo.ts')

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-demo-test-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

it('kills two workers in the middle of a tool, and there is one booking', async () => {
  const { code, output } = await runDemo('--yes', '--dir', dir)
  expect(output).toMatch(/✕ SIGKILL\s+2\/tool\/1\/checkWeather/)
  expect(output).toMatch(/✕ SIGKILL\s+3\/tool\/0\/bookFlight/)
  const [, first, second, third] = output.split(/^Worker \d/m)
  expect(first).toMatch(/● ran\s+2\/tool\/0\/searchFlights/)
  expect(second).toMatch(/○ journal\s+2\/model, 2\/tool\/0\/searchFlights\n/)
  expect(second).toMatch(/● ran\s+2\/tool\/1\/checkWeather/)
  expect(second).toMatch(/\? waits\s+3\/tool\/0\/bookFlight\/approval/)
  expect(third).toMatch(/○ journal\s+2\/model, 2\/tool\/0\/searchFlights, 2\/tool\/1\/checkWeather\n/)
  expect(third).toMatch(/● ran\s+3\/tool\/0\/bookFlight\/reconcile/)
  expect(third).toMatch(/✓ 1 booking in the airline's database/)
  expect(output).not.toContain('✗')
  expect(code).toBe(0)
  const counts = await withBookings(join(dir, 'bookings.db'), (system) => [system.bookings().length, system.attempts()])
  expect(counts).toEqual([1, 1])
})

it('says what is wrong with HOLDFAST_MODEL', async () => {
  const { code, output } = await runDemo({ HOLDFAST_MODEL: 'nobody-has-this:model-1' }, '--yes')
  expect(output).toContain('npm i @ai-sdk/nobody-has-this')
  expect(code).toBe(1)
})

it('does not mix with the journal of another demo', async () => {
  const { code } = await runDemo('--yes', '--dir', dir, '--ask', 'Fly me from Atlantis to Rome on 3 May')
  const again = await runDemo('--yes', '--dir', dir)
  expect([code, again.code]).toEqual([0, 1])
  expect(again.output).toContain('another folder')
})

async function runDemo(...args: (string | Record<string, string>)[]): Promise<{ code: number | null; output: string }> {
  const words = args.filter((arg) => typeof arg === 'string')
  const extra = Object.assign({ HOLDFAST_MODEL: '', NO_COLOR: '1' }, ...args.filter((arg) => typeof arg !== 'string'))
  const child = spawn(process.execPath, ['--conditions=holdfast-source', demo, ...words], {
    env: { ...process.env, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (data) => (output += data))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, output }
}
