/** Where daprd is: `dapr run` says it in the environment. */
import { CommunicationProtocolEnum, DaprClient } from '@dapr/dapr'

// The SDK tells each item of work there; what went wrong comes as console.error.
console.info = () => {}

export const daprPort = process.env['DAPR_GRPC_PORT'] ?? '50001'
export const client = new DaprClient({ daprPort, communicationProtocol: CommunicationProtocolEnum.GRPC })
