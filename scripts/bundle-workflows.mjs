// Bundles the ready-made workflow of what was built, into the file that `HoldfastPlugin` looks for.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export async function bundleWorkflows(outDir) {
  const folder = join(outDir, 'plugins', 'temporal')
  const workflowsPath = join(folder, 'workflow.js')
  if (!existsSync(workflowsPath)) return
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker')
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
  writeFileSync(join(folder, 'workflow-bundle.js'), code)
}
