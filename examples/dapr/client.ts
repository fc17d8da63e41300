/** Where daprd is: `dapr run` says it in the environment. */
import { CommunicationProtocolEnum, DaprClient, LogLevel } from '@dapr/dapr'

export const daprPort = process.env['DAPR_GRPC_PORT'] ?? '50001'
export const client = new DaprClient({
  daprPort,
  communicationProtocol: CommunicationProtocolEnum.GRPC,
  logger: { level: LogLevel.Warn },
})
