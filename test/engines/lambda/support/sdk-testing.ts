/**
 * AWS's testing package for the durable execution SDK, from npm, in .engines/, which git ignores: set up once for its pin.
 * It brings a client of AWS of its own, which nobody needs who only installs the project.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { DurableLambdaHandler } from '@aws/durable-execution-sdk-js'

const NAME = '@aws/durable-execution-sdk-js-testing'
const VERSION = '1.1.4'
const engines = fileURLToPath(new URL('../../../../.engines', import.meta.url))

/** What is used of the package. */
export interface SdkTesting {
  readonly LocalDurableTestRunner: {
    new (params: { readonly handlerFunction: DurableLambdaHandler }): LocalRunner
    setupTestEnvironment(params?: { readonly skipTime?: boolean }): Promise<void>
    teardownTestEnvironment(): Promise<void>
  }
}

export interface LocalRunner {
  run(request: { readonly payload: unknown }): Promise<LocalResult>
  getOperation(name: string): LocalOperation
}

export interface LocalOperation {
  waitForData(): Promise<LocalOperation>
  getName(): string | undefined
  getType(): string | undefined
  getStatus(): string | undefined
  getStepDetails(): { readonly attempt?: number | undefined } | undefined
  sendCallbackSuccess(result: string): Promise<unknown>
}

export interface LocalResult {
  getOperations(): readonly LocalOperation[]
  getStatus(): string | undefined
  getResult(): unknown
  getError(): { readonly errorType?: string | undefined; readonly errorData?: string | undefined }
  getInvocations(): readonly unknown[]
}

export async function loadSdkTesting(): Promise<SdkTesting> {
  const folder = join(engines, `lambda-testing-${VERSION}`)
  if (!existsSync(join(folder, 'ready'))) install(folder)
  const own = join(folder, 'node_modules', NAME)
  const { exports } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as Manifest
  return (await import(pathToFileURL(join(own, exports['.'].import)).href)) as SdkTesting
}

interface Manifest {
  readonly exports: { readonly '.': { readonly import: string } }
}

function install(folder: string): void {
  console.error(`setting up ${NAME} ${VERSION} …`)
  mkdirSync(engines, { recursive: true })
  const made = mkdtempSync(join(engines, 'lambda-testing-new-'))
  writeFileSync(join(made, 'package.json'), JSON.stringify({ private: true, dependencies: { [NAME]: VERSION } }))
  // Without its peer: the SDK is to be the one that the plugin has, which is found in the project's node_modules.
  const args = ['install', '--legacy-peer-deps', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  try {
    const done = spawnSync('npm', args, { cwd: made, encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`npm ${args[0]} failed: ${done.stderr ?? ''}${done.error?.message ?? ''}`)
    writeFileSync(join(made, 'ready'), '')
    // Another process may have been faster: then its folder is as good.
    if (!existsSync(join(folder, 'ready'))) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(made, folder)
    }
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}
