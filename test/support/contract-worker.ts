/** The worker process of the by-name engine in the contract tests. */
import { createContractAgent } from './contract-agent.ts'
import { serveSteps } from './serve-steps.ts'

serveSteps(createContractAgent({ effects: process.env['EFFECTS'] as string }))
