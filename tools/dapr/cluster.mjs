// Dapr on this machine, on free ports of the loopback interface and in a folder of its own: placement and scheduler, and
// one daprd for each app. What was started is ended by its id.
import { spawn } from 'node:child_process'
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { daprBinaries } from './binaries.mjs'

const HOST = '127.0.0.1'

/** Placement and scheduler; `folder` keeps the scheduler's jobs, and each app's state. */
export async function startCluster(folder) {
  const binaries = daprBinaries()
  mkdirSync(folder, { recursive: true })
  const [placementPort, schedulerPort, clientPort, peerPort] = await freePorts(4)
  const placement = program(binaries.placement, 'placement', folder, [
    ...['--listen-address', HOST, '--port', placementPort, '--healthz-port', await freePort()],
    ...['--initial-cluster', `dapr-placement-0=${HOST}:${await freePort()}`, '--id', 'dapr-placement-0'],
    '--enable-metrics=false',
  ])
  const scheduler = program(binaries.scheduler, 'scheduler', folder, [
    ...['--listen-address', HOST, '--port', schedulerPort, '--healthz-port', await freePort()],
    ...['--healthz-listen-address', HOST, '--etcd-data-dir', join(folder, 'scheduler')],
    ...['--id', 'dapr-scheduler-server-0', '--etcd-client-port', clientPort, '--etcd-client-listen-address', HOST],
    ...['--etcd-initial-cluster', `dapr-scheduler-server-0=http://${HOST}:${peerPort}`],
    ...['--override-broadcast-host-port', `${HOST}:${schedulerPort}`, '--enable-metrics=false'],
  ])
  const apps = []
  placement.start()
  scheduler.start()
  return {
    placement,
    scheduler,
    /** A daprd for an app; the same app has the same state. */
    async app(id, options = {}) {
      const app = await createApp(binaries.daprd, folder, id, options, { placementPort, schedulerPort })
      apps.push(app)
      await app.start()
      return app
    },
    async stop() {
      await Promise.all([...apps, scheduler, placement].map((one) => one.kill()))
    },
  }
}

/**
 * The daprd that this process was started beside, by `dapr run` or by somebody who sets `DAPR_GRPC_PORT` and `DAPR_HTTP_PORT`
 * as that does: `undefined` where there is none. It is not ours to end.
 */
export async function listeningApp() {
  const { DAPR_GRPC_PORT: grpcPort, DAPR_HTTP_PORT: httpPort, APP_ID: id = 'listening' } = process.env
  if (!grpcPort || !httpPort) return undefined
  const response = await fetch(`http://${HOST}:${httpPort}/v1.0/healthz`).catch(() => undefined)
  if (response?.status !== 204) {
    throw new Error(`dapr: DAPR_GRPC_PORT and DAPR_HTTP_PORT are set, and no healthy daprd listens at ${HOST}:${httpPort}.`)
  }
  return { id, host: HOST, grpcPort: Number(grpcPort), httpPort: Number(httpPort) }
}

async function createApp(binary, folder, id, options, { placementPort, schedulerPort }) {
  const { maxBodySize = '64Mi' } = options
  const home = join(folder, id)
  mkdirSync(join(home, 'components'), { recursive: true })
  writeFileSync(join(home, 'components', 'state.yaml'), stateStore(join(home, 'state.db')))
  writeFileSync(join(home, 'config.yaml'), configuration(join(folder, 'names.db'), options))
  const [grpcPort, httpPort, internalPort] = await freePorts(3)
  const daprd = program(binary, 'daprd', home, [
    ...['--mode', 'standalone', '--app-id', id, '--resources-path', join(home, 'components')],
    ...['--config', join(home, 'config.yaml'), '--dapr-grpc-port', grpcPort, '--dapr-http-port', httpPort],
    ...['--dapr-internal-grpc-port', internalPort, '--dapr-listen-addresses', HOST],
    ...['--dapr-internal-grpc-listen-address', HOST, '--placement-host-address', `${HOST}:${placementPort}`],
    ...['--scheduler-host-address', `${HOST}:${schedulerPort}`, '--max-body-size', maxBodySize, '--log-level', process.env.DAPR_LOG_LEVEL ?? 'warn'],
    '--enable-metrics=false',
  ])
  return {
    id,
    host: HOST,
    /** The state store. */
    database: join(home, 'state.db'),
    grpcPort,
    httpPort,
    get pid() {
      return daprd.pid
    },
    async start() {
      daprd.start()
      await healthy(httpPort, daprd)
    },
    kill: () => daprd.kill(),
    stop: () => daprd.stop(),
  }
}

/** What ends a program, for each that was made. */
const ends = new Set()
process.on('exit', () => {
  for (const end of ends) end()
})

/** A child process that can be killed and started again. */
function program(path, name, folder, args) {
  let child
  let gone = Promise.resolve()
  const end = () => child?.kill('SIGKILL')
  ends.add(end)
  return {
    get pid() {
      return child?.pid
    },
    get alive() {
      return child !== undefined && child.exitCode === null && child.signalCode === null
    },
    log: join(folder, `${name}.log`),
    start() {
      const log = openSync(join(folder, `${name}.log`), 'a')
      child = spawn(path, args.map(String), { stdio: ['ignore', log, log] })
      gone = new Promise((resolve) => {
        child.once('exit', resolve)
        child.once('error', resolve)
      })
    },
    /** SIGKILL; resolves when it is gone. */
    async kill() {
      end()
      await gone
    },
    /** Lets it end by itself; resolves when it is gone. */
    async stop() {
      child?.kill('SIGTERM')
      await gone
    },
  }
}

async function healthy(httpPort, daprd) {
  for (const until = Date.now() + 60_000; ; await sleep(50)) {
    const response = await fetch(`http://${HOST}:${httpPort}/v1.0/healthz`).catch(() => undefined)
    if (response?.status === 204) return
    if (!daprd.alive || Date.now() > until) throw new Error(`dapr: daprd did not start: see ${daprd.log}`)
  }
}

function stateStore(path) {
  return `apiVersion: dapr.io/v1alpha1
kind: Component
metadata: { name: statestore }
spec:
  type: state.sqlite
  version: v1
  metadata:
    - { name: connectionString, value: ${JSON.stringify(path)} }
    - { name: actorStateStore, value: "true" }
    - { name: busyTimeout, value: 20s }
`
}

/** With what Dapr has by default, items of work are dropped where many workflows run at once. */
function configuration(names, { activities = 40, workflows = 40 }) {
  return `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: { name: holdfast }
spec:
  nameResolution:
    component: sqlite
    version: v1
    configuration: { connectionString: ${JSON.stringify(names)} }
  workflow:
    maxConcurrentActivityInvocations: ${activities}
    maxConcurrentWorkflowInvocations: ${workflows}
`
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function freePorts(count) {
  const ports = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

/**
 * Below the ports that systems give to outgoing connections: one of those would take the port of a program that is about to
 * be started, or started again.
 */
const PORTS = { from: 12_000, count: 20_000 }
const given = new Set()

export async function freePort() {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * PORTS.count)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}
