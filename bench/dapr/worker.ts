/** A worker that is killed: its tool says when it begins, and takes for ever in the first of them. `node worker.ts <port> <first>` */
import { CommunicationProtocolEnum, DaprClient, WorkflowRuntime } from '@dapr/dapr'
import { Agent, tool } from '../../src/index.ts'
import { registerAgents, superviseRuntime } from '../../src/plugins/dapr/index.ts'
import { call, scriptedModel, text } from '../../src/testing/index.ts'

const [daprPort = '', first] = process.argv.slice(2)

export const holder: Agent = new Agent({
  name: 'holder',
  model: scriptedModel([call('hold'), text('the end')]),
  tools: [
    tool({
      name: 'hold',
      input: { type: 'object' },
      execute: async () => {
        process.send?.('begins')
        if (first) await new Promise(() => {})
        return 'held'
      },
    }),
  ],
})

if (daprPort) {
  const client = new DaprClient({ daprPort, communicationProtocol: CommunicationProtocolEnum.GRPC })
  const runtime = new WorkflowRuntime({ daprPort })
  registerAgents(runtime, [holder], { client })
  superviseRuntime(runtime, { log: () => {} })
  process.send?.('ready')
}
