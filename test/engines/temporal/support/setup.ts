/** Once for all test files: a server, and the workflows bundled. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import type { TestProject } from 'vitest/node'
import { startTemporal } from '../../../../scripts/temporal-server.mjs'

declare module 'vitest' {
  export interface ProvidedContext {
    temporal: { readonly address: string; readonly bundle: string }
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-temporal-'))
  const server = await startTemporal()
  const workflowsPath = fileURLToPath(new URL('./workflows.ts', import.meta.url))
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
  const bundle = join(folder, 'workflows.js')
  writeFileSync(bundle, code)
  project.provide('temporal', { address: server.address, bundle })
  return async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
