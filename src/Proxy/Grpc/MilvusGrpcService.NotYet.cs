using System.Runtime.CompilerServices;
using Grpc.Core;
using MiniMilvus.Contracts.Wire.Feder;
using MiniMilvus.Contracts.Wire.Milvus;
using WireStatus = MiniMilvus.Contracts.Wire.Common.Status;

namespace MiniMilvus.Proxy.Grpc;

/// <summary>What is left out: gRPC UNIMPLEMENTED with the RPC's name. Listed, so that each use is logged and the list can be read.</summary>
public sealed partial class MilvusGrpcService
{
    public override Task<BatchDescribeCollectionResponse> BatchDescribeCollection(BatchDescribeCollectionRequest request, ServerCallContext context) => NotYet<BatchDescribeCollectionResponse>();

    public override Task<WireStatus> AlterCollectionField(AlterCollectionFieldRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> AddCollectionFunction(AddCollectionFunctionRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> AlterCollectionFunction(AlterCollectionFunctionRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DropCollectionFunction(DropCollectionFunctionRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<TruncateCollectionResponse> TruncateCollection(TruncateCollectionRequest request, ServerCallContext context) => NotYet<TruncateCollectionResponse>();

    public override Task<PrewarmResponse> Prewarm(PrewarmRequest request, ServerCallContext context) => NotYet<PrewarmResponse>();

    public override Task<DescribePrewarmTaskResponse> DescribePrewarmTask(DescribePrewarmTaskRequest request, ServerCallContext context) => NotYet<DescribePrewarmTaskResponse>();

    public override Task<CreateNamespaceResponse> CreateNamespace(CreateNamespaceRequest request, ServerCallContext context) => NotYet<CreateNamespaceResponse>();

    public override Task<DescribeNamespaceResponse> DescribeNamespace(DescribeNamespaceRequest request, ServerCallContext context) => NotYet<DescribeNamespaceResponse>();

    public override Task<ListNamespacesResponse> ListNamespaces(ListNamespacesRequest request, ServerCallContext context) => NotYet<ListNamespacesResponse>();

    public override Task<DropNamespaceResponse> DropNamespace(DropNamespaceRequest request, ServerCallContext context) => NotYet<DropNamespaceResponse>();

    public override Task<HasNamespaceResponse> HasNamespace(HasNamespaceRequest request, ServerCallContext context) => NotYet<HasNamespaceResponse>();

    public override Task<GetNamespaceStatsResponse> GetNamespaceStats(GetNamespaceStatsRequest request, ServerCallContext context) => NotYet<GetNamespaceStatsResponse>();

    public override Task<WireStatus> AlterIndex(AlterIndexRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<CalcDistanceResults> CalcDistance(CalcDistanceRequest request, ServerCallContext context) => NotYet<CalcDistanceResults>();

    public override Task<WireStatus> AddCollectionField(AddCollectionFieldRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> AddCollectionStructField(AddCollectionStructFieldRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<GetReplicasResponse> GetReplicas(GetReplicasRequest request, ServerCallContext context) => NotYet<GetReplicasResponse>();

    public override Task<DummyResponse> Dummy(DummyRequest request, ServerCallContext context) => NotYet<DummyResponse>();

    public override Task<RegisterLinkResponse> RegisterLink(RegisterLinkRequest request, ServerCallContext context) => NotYet<RegisterLinkResponse>();

    public override Task<WireStatus> LoadBalance(LoadBalanceRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ImportResponse> Import(ImportRequest request, ServerCallContext context) => NotYet<ImportResponse>();

    public override Task<GetImportStateResponse> GetImportState(GetImportStateRequest request, ServerCallContext context) => NotYet<GetImportStateResponse>();

    public override Task<ListImportTasksResponse> ListImportTasks(ListImportTasksRequest request, ServerCallContext context) => NotYet<ListImportTasksResponse>();

    public override Task<WireStatus> CreateCredential(CreateCredentialRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> UpdateCredential(UpdateCredentialRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DeleteCredential(DeleteCredentialRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ListCredUsersResponse> ListCredUsers(ListCredUsersRequest request, ServerCallContext context) => NotYet<ListCredUsersResponse>();

    public override Task<WireStatus> CreateRole(CreateRoleRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> AlterRole(AlterRoleRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DropRole(DropRoleRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> OperateUserRole(OperateUserRoleRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<SelectRoleResponse> SelectRole(SelectRoleRequest request, ServerCallContext context) => NotYet<SelectRoleResponse>();

    public override Task<SelectUserResponse> SelectUser(SelectUserRequest request, ServerCallContext context) => NotYet<SelectUserResponse>();

    public override Task<WireStatus> OperatePrivilege(OperatePrivilegeRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> OperatePrivilegeV2(OperatePrivilegeV2Request request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<SelectGrantResponse> SelectGrant(SelectGrantRequest request, ServerCallContext context) => NotYet<SelectGrantResponse>();

    public override Task<WireStatus> CreateResourceGroup(CreateResourceGroupRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DropResourceGroup(DropResourceGroupRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> UpdateResourceGroups(UpdateResourceGroupsRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> TransferNode(TransferNodeRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> TransferReplica(TransferReplicaRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ListResourceGroupsResponse> ListResourceGroups(ListResourceGroupsRequest request, ServerCallContext context) => NotYet<ListResourceGroupsResponse>();

    public override Task<DescribeResourceGroupResponse> DescribeResourceGroup(DescribeResourceGroupRequest request, ServerCallContext context) => NotYet<DescribeResourceGroupResponse>();

    public override Task<ListIndexedSegmentResponse> ListIndexedSegment(ListIndexedSegmentRequest request, ServerCallContext context) => NotYet<ListIndexedSegmentResponse>();

    public override Task<DescribeSegmentIndexDataResponse> DescribeSegmentIndexData(DescribeSegmentIndexDataRequest request, ServerCallContext context) => NotYet<DescribeSegmentIndexDataResponse>();

    public override Task<WireStatus> AlterDatabase(AlterDatabaseRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ReplicateMessageResponse> ReplicateMessage(ReplicateMessageRequest request, ServerCallContext context) => NotYet<ReplicateMessageResponse>();

    public override Task<BackupRBACMetaResponse> BackupRBAC(BackupRBACMetaRequest request, ServerCallContext context) => NotYet<BackupRBACMetaResponse>();

    public override Task<WireStatus> RestoreRBAC(RestoreRBACMetaRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> CreatePrivilegeGroup(CreatePrivilegeGroupRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DropPrivilegeGroup(DropPrivilegeGroupRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ListPrivilegeGroupsResponse> ListPrivilegeGroups(ListPrivilegeGroupsRequest request, ServerCallContext context) => NotYet<ListPrivilegeGroupsResponse>();

    public override Task<WireStatus> OperatePrivilegeGroup(OperatePrivilegeGroupRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<RunAnalyzerResponse> RunAnalyzer(RunAnalyzerRequest request, ServerCallContext context) => NotYet<RunAnalyzerResponse>();

    public override Task<WireStatus> AddFileResource(AddFileResourceRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> RemoveFileResource(RemoveFileResourceRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ListFileResourcesResponse> ListFileResources(ListFileResourcesRequest request, ServerCallContext context) => NotYet<ListFileResourcesResponse>();

    public override Task<WireStatus> AddUserTags(AddUserTagsRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DeleteUserTags(DeleteUserTagsRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<GetUserTagsResponse> GetUserTags(GetUserTagsRequest request, ServerCallContext context) => NotYet<GetUserTagsResponse>();

    public override Task<ListUsersWithTagResponse> ListUsersWithTag(ListUsersWithTagRequest request, ServerCallContext context) => NotYet<ListUsersWithTagResponse>();

    public override Task<WireStatus> CreateRowPolicy(CreateRowPolicyRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DropRowPolicy(DropRowPolicyRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ListRowPoliciesResponse> ListRowPolicies(ListRowPoliciesRequest request, ServerCallContext context) => NotYet<ListRowPoliciesResponse>();

    public override Task<WireStatus> UpdateRowPolicy(UpdateRowPolicyRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> SetRLSPrincipalTags(SetRLSPrincipalTagsRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<GetRLSPrincipalTagsResponse> GetRLSPrincipalTags(GetRLSPrincipalTagsRequest request, ServerCallContext context) => NotYet<GetRLSPrincipalTagsResponse>();

    public override Task<ListRLSPrincipalsResponse> ListRLSPrincipals(ListRLSPrincipalsRequest request, ServerCallContext context) => NotYet<ListRLSPrincipalsResponse>();

    public override Task<WireStatus> DeleteRLSPrincipalTags(DeleteRLSPrincipalTagsRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> UpdateReplicateConfiguration(UpdateReplicateConfigurationRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<GetReplicateConfigurationResponse> GetReplicateConfiguration(GetReplicateConfigurationRequest request, ServerCallContext context) => NotYet<GetReplicateConfigurationResponse>();

    public override Task<GetReplicateInfoResponse> GetReplicateInfo(GetReplicateInfoRequest request, ServerCallContext context) => NotYet<GetReplicateInfoResponse>();

    public override Task CreateReplicateStream(IAsyncStreamReader<ReplicateRequest> requestStream, IServerStreamWriter<ReplicateResponse> responseStream, ServerCallContext context) =>
        throw _handlers.Guard.Unimplemented(nameof(CreateReplicateStream));

    public override Task DumpMessages(DumpMessagesRequest request, IServerStreamWriter<DumpMessagesResponse> responseStream, ServerCallContext context) =>
        throw _handlers.Guard.Unimplemented(nameof(DumpMessages));

    public override Task<ComputePhraseMatchSlopResponse> ComputePhraseMatchSlop(ComputePhraseMatchSlopRequest request, ServerCallContext context) => NotYet<ComputePhraseMatchSlopResponse>();

    public override Task<WireStatus> CreateSnapshot(CreateSnapshotRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<WireStatus> DropSnapshot(DropSnapshotRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<ListSnapshotsResponse> ListSnapshots(ListSnapshotsRequest request, ServerCallContext context) => NotYet<ListSnapshotsResponse>();

    public override Task<DescribeSnapshotResponse> DescribeSnapshot(DescribeSnapshotRequest request, ServerCallContext context) => NotYet<DescribeSnapshotResponse>();

    public override Task<RestoreSnapshotResponse> RestoreSnapshot(RestoreSnapshotRequest request, ServerCallContext context) => NotYet<RestoreSnapshotResponse>();

    public override Task<RestoreExternalSnapshotResponse> RestoreExternalSnapshot(RestoreExternalSnapshotRequest request, ServerCallContext context) => NotYet<RestoreExternalSnapshotResponse>();

    public override Task<ExportSnapshotResponse> ExportSnapshot(ExportSnapshotRequest request, ServerCallContext context) => NotYet<ExportSnapshotResponse>();

    public override Task<GetExportSnapshotStateResponse> GetExportSnapshotState(GetExportSnapshotStateRequest request, ServerCallContext context) => NotYet<GetExportSnapshotStateResponse>();

    public override Task<GetRestoreSnapshotStateResponse> GetRestoreSnapshotState(GetRestoreSnapshotStateRequest request, ServerCallContext context) => NotYet<GetRestoreSnapshotStateResponse>();

    public override Task<ListRestoreSnapshotJobsResponse> ListRestoreSnapshotJobs(ListRestoreSnapshotJobsRequest request, ServerCallContext context) => NotYet<ListRestoreSnapshotJobsResponse>();

    public override Task<PinSnapshotDataResponse> PinSnapshotData(PinSnapshotDataRequest request, ServerCallContext context) => NotYet<PinSnapshotDataResponse>();

    public override Task<WireStatus> UnpinSnapshotData(UnpinSnapshotDataRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<AlterCollectionSchemaResponse> AlterCollectionSchema(AlterCollectionSchemaRequest request, ServerCallContext context) => NotYet<AlterCollectionSchemaResponse>();

    public override Task<WireStatus> BatchUpdateManifest(BatchUpdateManifestRequest request, ServerCallContext context) => NotYet<WireStatus>();

    public override Task<RefreshExternalCollectionResponse> RefreshExternalCollection(RefreshExternalCollectionRequest request, ServerCallContext context) => NotYet<RefreshExternalCollectionResponse>();

    public override Task<GetRefreshExternalCollectionProgressResponse> GetRefreshExternalCollectionProgress(GetRefreshExternalCollectionProgressRequest request, ServerCallContext context) => NotYet<GetRefreshExternalCollectionProgressResponse>();

    public override Task<ListRefreshExternalCollectionJobsResponse> ListRefreshExternalCollectionJobs(ListRefreshExternalCollectionJobsRequest request, ServerCallContext context) => NotYet<ListRefreshExternalCollectionJobsResponse>();

    private Task<TResponse> NotYet<TResponse>([CallerMemberName] string rpc = "") => Task.FromException<TResponse>(_handlers.Guard.Unimplemented(rpc));
}
