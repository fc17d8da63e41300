#!/usr/bin/env node
/**
 * holdfast-conformance ./plugin.js [--json | --markdown] [--only <text>] [--timeout <ms>]
 *
 * The module exports `create` (or has it as its default): a function that gives an `EngineUnderTest` with empty storage, or
 * a plugin. Exits with 1 where the plugin does not do what it claims, with 2 where there is nothing to test.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import {
  conformanceAgent,
  createWorld,
  durabilityConformance,
  formatMarkdown,
  formatReport,
  pluginConformance,
  runConformance,
} from 'holdfast/testing'

const USAGE = `holdfast-conformance ./plugin.js [--json | --markdown] [--only <text>] [--timeout <ms>]

The module exports 'create', or has it as its default: a function that gives an EngineUnderTest
({ start(agent), kill?, respond?, cancel?, run?, dispose? }) with empty storage, or a plugin.
It may also export 'options' for durabilityConformance() or pluginConformance().`

const { values, positionals } = parse()
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const [path] = positionals
if (path === undefined || positionals.length > 1) fail(USAGE)

const module = await load(path)
const create = module.create ?? module.default
if (typeof create !== 'function') fail(`${path} exports no function 'create', and its default is none.\n\n${USAGE}`)

const { plugin, cases: all } = await casesOf(create, module.options ?? {})
const { only = '' } = values
const cases = all.filter(({ name }) => name.includes(only))
if (cases.length === 0) fail(`no case has '${only}' in its name. They are:\n${all.map(({ name }) => name).join('\n')}`)
let done = 0
// The table comes when all is done, which takes a while.
const tellNext = () => tell(done < cases.length ? `${done + 1} of ${cases.length}: ${cases[done].name}` : '')
tellNext()
const report = await runConformance(cases, {
  plugin: plugin.name,
  ...(plugin.durability && { supports: plugin.durability.supports }),
  onResult() {
    done++
    tellNext()
  },
})
if (values.json) console.log(JSON.stringify(report, null, 2))
else if (values.markdown) console.log(formatMarkdown([report]))
else console.log(formatReport(report))
// What a faulty plugin left open must not keep the process.
process.exit(report.ok ? 0 : 1)

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
        only: { type: 'string' },
        timeout: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    return fail(`${error.message}\n\n${USAGE}`)
  }
}

async function load(path) {
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    return fail(`${path} can't be loaded: ${error.stack}`)
  }
}

async function casesOf(create, given) {
  const options = { ...given, create, ...(values.timeout !== undefined && { timeout: timeoutOf(values.timeout) }) }
  const made = await attempt('create()', create)
  if (typeof made?.start !== 'function') {
    if (typeof made?.name !== 'string') fail(`create() gives neither an EngineUnderTest nor a plugin.\n\n${USAGE}`)
    if (made.durability) {
      fail(`'${made.name}' is a durability plugin: let create() give an engine with empty storage for it,
{ start: () => plugin }, whose start() is called for each process.`)
    }
    return { plugin: made, cases: pluginConformance(options) }
  }
  const plugin = await attempt('start()', () => made.start(conformanceAgent('pair', createWorld())))
  if (!plugin?.durability) fail(`start() gives no durability plugin. For other plugins let create() give the plugin.`)
  await plugin.dispose?.()
  await made.dispose?.()
  const { supports } = plugin.durability
  return { plugin, cases: await attempt('supports', () => durabilityConformance({ supports, ...options })) }
}

async function attempt(what, work) {
  try {
    return await work()
  } catch (error) {
    return fail(
      error?.code === 'CONFIG_INVALID' ? error.message : `${what} of ${path} failed: ${error?.stack ?? error}`,
    )
  }
}

function timeoutOf(text) {
  const timeout = Number(text)
  return timeout > 0 ? timeout : fail(`--timeout is a number of milliseconds, not '${text}'`)
}

/** A line that the next one takes the place of, where somebody looks. */
function tell(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
}

function fail(message) {
  console.error(message)
  process.exit(2)
}
