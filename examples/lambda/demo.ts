/** All of it on this machine: a service, a function that is killed in the middle of a tool, an approval, the end. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LambdaFunction } from './local/function.ts'
import { LambdaService } from './local/service.ts'

const service = await LambdaService.start()
console.log(`a Lambda service is at ${service.url}`)
const file = fileURLToPath(new URL('local/serve.ts', import.meta.url))
const made = new LambdaFunction(service, { name: 'holdfast-travel', file })

async function run(script: string): Promise<void> {
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL_LAMBDA: service.url,
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
    AWS_REGION: 'us-west-2',
  }
  const [code] = await once(fork(fileURLToPath(new URL(script, import.meta.url)), ['trip-42'], { env }), 'exit')
  if (code !== 0) throw new Error(`${script} ended with ${code}`)
}

let isKilled = false
service.onCheckpoint = (when, _, updates) => {
  const isAsked = updates.some(({ Name, Action }) => Name === '1/model' && Action === 'SUCCEED')
  if (isKilled || when !== 'after' || !isAsked) return undefined
  isKilled = true
  // The first model call is recorded, and the search it asked for takes a second.
  setTimeout(() => {
    console.log('the process of the function is killed, in the middle of its search')
    void made.kill()
  }, 500)
  return undefined
}

try {
  await run('start.ts')
  await run('approve.ts')
} finally {
  await made.stop()
  await service.stop()
}
