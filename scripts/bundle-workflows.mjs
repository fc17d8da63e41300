// Bundles the ready-made workflow of what was built, into the file that `HoldfastPlugin` looks for.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// The SDK takes a stack trace for each promise that a workflow makes, to answer a query for it: that took more than all that
// Holdfast does in the sandbox. In the ready-made workflow a trace would show Holdfast alone. (On the first line, so that the
// bundle's source map still fits.)
const NO_STACKS = 'Error.stackTraceLimit = 0;'

export async function bundleWorkflows(outDir) {
  const folder = join(outDir, 'plugins', 'temporal')
  const workflowsPath = join(folder, 'workflow.js')
  if (!existsSync(workflowsPath)) return
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker')
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
  writeFileSync(join(folder, 'workflow-bundle.js'), `${NO_STACKS}${code}`)
}
