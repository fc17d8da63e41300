/** The same steps as bare activities: no agent, no conversation, nothing to learn from. */
import { proxyActivities } from '@temporalio/workflow'

interface Steps {
  model(turn: number): Promise<string>
  look(turn: number): Promise<string>
}
const { model, look } = proxyActivities<Steps>({ startToCloseTimeout: '1 minute', heartbeatTimeout: 5_000 })

export async function talk({ turns }: { readonly turns: number }): Promise<string> {
  for (let turn = 1; turn <= turns; turn++) {
    await model(turn)
    await look(turn)
  }
  return model(turns + 1)
}
