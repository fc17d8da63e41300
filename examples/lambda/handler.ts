/** The durable function. */
import { lambdaAgentHandler } from 'holdfast/lambda'
import { travel } from './agent.ts'

export const handler = lambdaAgentHandler(travel, {
  notify: ({ runId, waitId }) => {
    // Here somebody is written to. It may be called more than once for a wait.
    console.log(`(run ${runId} waits for ${waitId})`)
  },
})
