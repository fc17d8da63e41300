/** A client of a daprd; the SDK's own talk is left out. */
import { CommunicationProtocolEnum, DaprClient } from '@dapr/dapr'

// It tells each item of work, and each connection that was lost.
for (const level of ['info', 'warn', 'error'] as const) console[level] = () => {}

export function clientOf({ host, grpcPort }: { readonly host: string; readonly grpcPort: number }): DaprClient {
  return new DaprClient({
    daprHost: host,
    daprPort: String(grpcPort),
    communicationProtocol: CommunicationProtocolEnum.GRPC,
  })
}
