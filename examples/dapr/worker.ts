/** A worker: runs the agent, and executes its steps. Start as many as you like. `node worker.ts` */
import { WorkflowRuntime } from '@dapr/dapr'
import { registerAgents, superviseRuntime } from 'holdfast/dapr'
import { travel } from './agent.ts'
import { client, daprPort } from './client.ts'

const runtime = new WorkflowRuntime({ daprPort })
registerAgents(runtime, [travel], { client })
superviseRuntime(runtime)
process.send?.('ready')
